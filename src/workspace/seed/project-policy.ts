import { type EgressPolicy, projectFileName } from "../../model/egress.ts";
import { limits } from "../../model/limits.ts";
import { letsOut } from "../../model/machine-options.ts";
import type { WorkspaceChange, WorkspaceRow } from "../../registry/workspaces.ts";
import { Baseline } from "../../trees/baseline.ts";
import type { SeenInTree } from "./seed-source.ts";

/**
 * What a project's own file makes of the policy that was asked for. It is read from the baseline, so that nothing that runs in the guest
 * ever has a say in it; where nothing is let out, it is not read at all. Throws `project_file_refused`.
 */
export async function tightenedPolicy(
  { networkPolicy, egress }: Pick<WorkspaceRow, "networkPolicy" | "egress">,
  { seen, baselineDirectory }: { readonly seen: SeenInTree; readonly baselineDirectory: string },
): Promise<WorkspaceChange> {
  if (!seen.hasProjectFile || !letsOut(networkPolicy)) return {};
  return { egress: await withProject(egress, baselineDirectory) };
}

async function withProject(asked: EgressPolicy, directory: string): Promise<EgressPolicy> {
  // Most trees have no such file.
  const [{ parseProjectFile, refusedFile, tooLarge }, { policyHere }] = await Promise.all([
    import("../../network/project-file.ts"),
    import("../../network/policy.ts"),
  ]);
  const baseline = await Baseline.open(directory);
  const entry = baseline.entries.get(projectFileName);
  if (entry === undefined) throw refusedFile("it could not be read");
  const file = (entry.type === "hardlink" && baseline.entries.get(entry.target)) || entry;
  if (file.type !== "file") throw refusedFile(`it is a ${file.type.replace("_", " ")}, not a file`);
  if (file.size > limits.projectFileBytesMax) throw tooLarge(file.size);
  const project = parseProjectFile(await baseline.read(file, limits.projectFileBytesMax));
  return { ...asked, ...policyHere(asked, { temporaryRules: asked.temporaryRules, project }) };
}
