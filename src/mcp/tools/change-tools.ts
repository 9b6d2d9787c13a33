import { z } from "zod";
import type { DeniedSummary, WorkspaceSummary } from "../../sdk.ts";
import { bulkAnswer } from "../answers/bulk-answer.ts";
import { excerptOf } from "../answers/output-collector.ts";
import { bulkTool, recordTool } from "../tool.ts";
import { deniedIn, linesText } from "./denied-text.ts";
import { guestPath, maxOutputChars, workspaceId } from "./fields.ts";

export const workspacePatchApply = recordTool({
  name: "workspace_patch_apply",
  title: "Apply patch",
  description:
    "Apply one patch to a workspace: add, change, rename, delete files. A unified diff (git's or plain), or *** Begin Patch … *** End Patch. A hunk under @@ without numbers must fit one place only. All hunks apply or nothing changes. Says where hunks were placed that did not fit exactly.",
  input: z.object({
    workspace_id: workspaceId,
    patch: z
      .string()
      .min(1)
      .describe("Unified diff, or *** Begin Patch … *** End Patch; paths relative to /workspace"),
  }),
  effect: "guest",
  profile: "workspace-core",
  result: "workspacePatch",
  run: async (input, { pyro, signal }) => ({
    value: await (await pyro()).applyWorkspacePatch(input.workspace_id, {
      patch: input.patch,
      signal,
    }),
  }),
});

export const workspaceDiff = bulkTool({
  name: "workspace_diff",
  title: "Show changes",
  description:
    "Show what changed in a workspace since it was created, whoever changed it: a line per file, then unified diffs. Binary files are named.",
  input: z.object({
    workspace_id: workspaceId,
    paths: z.array(guestPath).min(1).max(100).optional().describe("Only these"),
    stat_only: z.boolean().optional().describe("Without the diffs"),
    max_output_chars: maxOutputChars,
  }),
  effect: "read",
  profile: "workspace-core",
  run: async (input, { pyro, signal }) => {
    const diff = await (await pyro()).diffWorkspace(input.workspace_id, {
      paths: input.paths,
      signal,
    });
    const { fileCount, insertions, deletions, stat } = diff;
    const text = input.stat_only ? stat : `${stat}\n${diff.diff}`;
    const files = fileCount === 1 ? "1 file changed" : `${fileCount} files changed`;
    return bulkAnswer({
      header: (lines) => `${files} · +${insertions} -${deletions} · ${lines}`,
      excerpt: excerptOf(fileCount === 0 ? Buffer.alloc(0) : Buffer.from(text), "content"),
      charactersMax: input.max_output_chars,
      restOf: () => "name some paths, or give more max_output_chars",
      facts: {
        workspace_id: diff.workspaceId,
        file_count: fileCount,
        insertions,
        deletions,
      },
    });
  },
});

function nextLook({ diff, state }: WorkspaceSummary): string | undefined {
  if (diff === null && state === "started") return "workspace_diff with paths shows a part.";
  return diff !== null && diff.fileCount > 0 ? "workspace_diff has the changes." : undefined;
}

const commandsMax = 30;
const eventsMax = 40;
const changesMax = 60;
const deniedMax = 20;
const sourcesMax = 5;

export const workspaceSummary = recordTool({
  name: "workspace_summary",
  title: "Summarize workspace",
  description:
    "Review a workspace at one look before reporting: commands with exit codes, edits, syncs, exports, snapshots, services, ports, shells, changed files, files that run code when opened. Since creation or the last reset.",
  input: z.object({ workspace_id: workspaceId }),
  effect: "read",
  profile: "workspace-core",
  result: "workspaceSummary",
  extra: { command_count: z.number(), event_count: z.number() },
  run: async (input, { pyro, signal }) => {
    const summary = await (await pyro()).summarizeWorkspace(input.workspace_id, { signal });
    const { commands, events, diff } = summary;
    return {
      value: {
        ...summary,
        // The latest matter most.
        commands: commands.slice(-commandsMax),
        events: events.slice(-eventsMax),
        deniedConnections: summary.deniedConnections.slice(-deniedMax).map(shortened),
        diff: diff && { ...diff, stat: "", changes: diff.changes.slice(0, changesMax) },
      },
      extra: { command_count: commands.length, event_count: events.length },
      next: linesText([
        deniedIn(input.workspace_id, {
          deniedConnections: summary.deniedConnections.filter(({ stillDenied }) => stillDenied),
        }),
        nextLook(summary),
      ]),
    };
  },
});

/** Hundreds of commands may have tried the same. */
function shortened({ sources, programs, ...denied }: DeniedSummary): DeniedSummary {
  return { ...denied, sources: sources.slice(-sourcesMax), programs: programs.slice(-sourcesMax) };
}
