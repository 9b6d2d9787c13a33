import { type ProjectRules, projectFileName } from "../../model/egress.ts";
import { limits } from "../../model/limits.ts";
import { letsOut } from "../../model/machine-options.ts";
import type { WorkspaceRow, WorkspaceTable } from "../../registry/workspaces.ts";
import { Baseline } from "../../trees/baseline.ts";
import type { SeenInTree } from "./seed-source.ts";

/**
 * Tightens a workspace's policy, as it is by now, by its project's own file. That is read from the baseline, so that nothing that runs
 * in the guest ever has a say in it; where nothing is let out, it is not read at all. Throws `project_file_refused`.
 */
export async function tightenPolicy(
  workspaces: Pick<WorkspaceTable, "changeEgress">,
  { workspaceId, networkPolicy }: Pick<WorkspaceRow, "workspaceId" | "networkPolicy">,
  { seen, baselineDirectory }: { readonly seen: SeenInTree; readonly baselineDirectory: string },
): Promise<void> {
  if (!seen.hasProjectFile || !letsOut(networkPolicy)) return;
  // Most trees have no such file.
  const [project, { policyHere }] = await Promise.all([
    rulesIn(baselineDirectory),
    import("../../network/policy.ts"),
  ]);
  workspaces.changeEgress(workspaceId, (current) => ({
    ...current,
    ...policyHere(current, { temporaryRules: current.temporaryRules, project }),
  }));
}

async function rulesIn(directory: string): Promise<ProjectRules | null> {
  const { parseProjectFile, refusedFile, tooLarge } = await import("../../network/project-file.ts");
  const baseline = await Baseline.open(directory);
  const entry = baseline.entries.get(projectFileName);
  if (entry === undefined) throw refusedFile("it could not be read");
  const file = (entry.type === "hardlink" && baseline.entries.get(entry.target)) || entry;
  if (file.type !== "file") throw refusedFile(`it is a ${file.type.replace("_", " ")}, not a file`);
  if (file.size > limits.projectFileBytesMax) throw tooLarge(file.size);
  return parseProjectFile(await baseline.read(file, limits.projectFileBytesMax));
}
