import { z } from "zod";
import { bulkTool, recordTool } from "../tool.ts";
import { hostPath, workspaceId } from "./fields.ts";
import { fileAnswer, readWindow, windowFields } from "./file-tools.ts";
import { page, pageFields, pageOf } from "./pages.ts";

const path = z.string().min(1).max(4096);

export const workspaceDiskExport = recordTool({
  name: "workspace_disk_export",
  title: "Export disk",
  description: "Write the whole root of a stopped workspace to the host as one ext4 image.",
  input: z.object({ workspace_id: workspaceId, output_path: hostPath }),
  effect: "host",
  profile: "workspace-full",
  result: "workspaceDiskExport",
  run: async (input, { pyro, roots, signal, report }) => ({
    value: await (await pyro()).exportWorkspaceDisk(input.workspace_id, {
      outputPath: roots.writable(input.output_path),
      onProgress: ({ step }) => report(step),
      signal,
    }),
  }),
});

export const workspaceDiskList = recordTool({
  name: "workspace_disk_list",
  title: "List disk",
  description: "List a directory of a stopped workspace, anywhere in its guest.",
  input: z.object({
    workspace_id: workspaceId,
    path: path.optional().describe("Default /workspace"),
    recursive: z.boolean().optional(),
    ...pageFields("50"),
  }),
  effect: "read",
  profile: "workspace-full",
  result: "workspaceFileList",
  extra: page,
  run: async (input, { pyro, signal, report }) => {
    const list = await (await pyro()).listWorkspaceDisk(input.workspace_id, {
      path: input.path,
      recursive: input.recursive,
      onProgress: ({ step }) => report(step),
      signal,
    });
    const { entries, ...where } = pageOf(list.entries, { ...input, limit: input.limit ?? 50 });
    return { value: { ...list, entries }, extra: where };
  },
});

export const workspaceDiskRead = bulkTool({
  name: "workspace_disk_read",
  title: "Read from disk",
  description: "Read a text file of a stopped workspace, anywhere in its guest.",
  input: z.object({ workspace_id: workspaceId, path, ...windowFields }),
  effect: "read",
  profile: "workspace-full",
  run: async (input, { pyro, signal }) => {
    const engine = await pyro();
    const file = await readWindow(input, (maxBytes) =>
      engine.readWorkspaceDisk(input.workspace_id, input.path, { maxBytes, signal }),
    );
    return fileAnswer(file, {
      ...input,
      tool: "workspace_disk_read",
      ifBinary: "workspace_start, and look at it with workspace_exec (file, xxd, strings).",
    });
  },
});
