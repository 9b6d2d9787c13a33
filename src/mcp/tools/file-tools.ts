import { z } from "zod";
import { PyroError } from "../../model/errors.ts";
import { limits } from "../../model/limits.ts";
import { visibleText } from "../../model/text.ts";
import type { WorkspaceFileContent } from "../../sdk.ts";
import {
  type BulkAnswer,
  bulkAnswer,
  callText,
  count,
  outputCharactersDefault,
} from "../answers/bulk-answer.ts";
import { excerptOf } from "../answers/output-collector.ts";
import { countLines, takeHead } from "../answers/shown-text.ts";
import { bulkTool, type Call, recordTool } from "../tool.ts";
import { guestPath, hostPath, includeIgnored, maxOutputChars, workspaceId } from "./fields.ts";
import { page, pageFields, pageOf } from "./pages.ts";

const lineCountDefault = 400;
const lineCountMax = 4000;
/** What a window near a file's beginning is looked for in. */
const firstReadBytes = 1024 * 1024;

export const workspaceFileList = recordTool({
  name: "workspace_file_list",
  title: "List files",
  description:
    "List a directory of a workspace: names, types, sizes. For searching, run rg or find.",
  input: z.object({
    workspace_id: workspaceId,
    path: guestPath.optional().describe("Default /workspace"),
    recursive: z.boolean().optional(),
    ...pageFields("50"),
  }),
  effect: "read",
  profile: "workspace-core",
  result: "workspaceFileList",
  extra: page,
  run: async (input, { pyro, signal }) => {
    const list = await (await pyro()).listWorkspaceFiles(input.workspace_id, {
      path: input.path,
      recursive: input.recursive,
      signal,
    });
    const { entries, ...where } = pageOf(list.entries, { ...input, limit: input.limit ?? 50 });
    return { value: { ...list, entries }, extra: where };
  },
});

/** Arguments of a tool that reads a window of a file's lines. */
export const windowFields = {
  start_line: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe("Default 1"),
  line_count: z.number().int().min(1).max(lineCountMax).optional().describe("1-4000, default 400"),
  max_output_chars: maxOutputChars,
};

export const workspaceFileRead = bulkTool({
  name: "workspace_file_read",
  title: "Read file",
  description: "Read a text file of a workspace, or a window of its lines.",
  input: z.object({
    workspace_id: workspaceId,
    path: guestPath,
    ...windowFields,
  }),
  effect: "read",
  profile: "workspace-core",
  run: async (input, { pyro, signal }) => {
    const engine = await pyro();
    const file = await readWindow(input, (maxBytes) =>
      engine.readWorkspaceFile(input.workspace_id, input.path, { maxBytes, signal }),
    );
    return fileAnswer(file, {
      ...input,
      tool: "workspace_file_read",
      ifBinary: "look at it with workspace_exec (file, xxd, strings), or workspace_export it.",
    });
  },
});

/** As much of a file as a window needs. */
export async function readWindow(
  window: Window,
  read: (maxBytes: number) => Promise<WorkspaceFileContent>,
): Promise<WorkspaceFileContent> {
  const file = await read(firstReadBytes);
  return file.truncated && (window.start_line ?? 1) > 1 ? read(limits.fileReadBytesMax) : file;
}

interface Window {
  readonly start_line?: number | undefined;
  readonly line_count?: number | undefined;
  readonly max_output_chars?: number | undefined;
}

/** A window of a file as a model reads it; `tool` reads on. */
export function fileAnswer(
  file: WorkspaceFileContent,
  { tool, ifBinary, ...window }: Window & { readonly tool: string; readonly ifBinary: string },
): BulkAnswer {
  const bytes = file.base64 === null ? Buffer.from(file.text) : Buffer.from(file.base64, "base64");
  const where = { workspace_id: file.workspaceId, path: file.path };
  const name = visibleText(file.path);
  if (bytes.includes(0))
    return {
      text: `binary file · ${count(file.size, "byte")} · ${name}\nNext: ${ifBinary}`,
      facts: { ...where, size: file.size, binary: true },
    };
  const startLine = window.start_line ?? 1;
  const begin = lineStart(bytes, startLine);
  const wanted = window.line_count ?? lineCountDefault;
  const lines = bytes.subarray(begin, begin + lineStart(bytes.subarray(begin), wanted + 1));
  const charactersMax = window.max_output_chars ?? outputCharactersDefault;
  const piece = takeHead(lines, charactersMax, "content");
  const shownBytes = lines.subarray(0, piece.byteCount);
  const shownLines = countLines(shownBytes);
  const isMore = begin + piece.byteCount < file.size && shownLines > 0;
  const nextLine = startLine + shownLines;
  const total = file.truncated ? "" : ` of ${countLines(bytes).toLocaleString("en")}`;
  const ends = bytes.includes("\r\n") ? " · CRLF line ends" : "";
  return bulkAnswer({
    header: () =>
      `lines ${startLine}-${nextLine - 1}${total} · ${count(file.size, "byte")}${ends} · ${name}`,
    excerpt: excerptOf(shownBytes, "content"),
    charactersMax: Number.MAX_SAFE_INTEGER,
    restOf: () => "",
    footer: isMore ? `Next: ${callText(tool, { ...where, start_line: nextLine })}` : undefined,
    facts: {
      ...where,
      size: file.size,
      start_line: startLine,
      next_line: isMore ? nextLine : null,
    },
  });
}

/** Where line `number` begins, counted from 1; the end when there are fewer. */
function lineStart(bytes: Buffer, number: number): number {
  let at = 0;
  for (let line = 1; line < number; line++) {
    const found = bytes.indexOf(0x0a, at);
    if (found < 0) return bytes.length;
    at = found + 1;
  }
  return at;
}

export const workspaceFileWrite = recordTool({
  name: "workspace_file_write",
  title: "Write file",
  description:
    "Create or replace one text file of a workspace, atomically; missing directories are made. For small edits use workspace_patch_apply.",
  input: z.object({ workspace_id: workspaceId, path: guestPath, text: z.string() }),
  effect: "guest-idempotent",
  profile: "workspace-core",
  result: "workspaceFileWrite",
  run: async (input, { pyro, signal }) => ({
    value: await (await pyro()).writeWorkspaceFile(input.workspace_id, input.path, {
      text: input.text,
      signal,
    }),
  }),
});

export const workspaceSyncPush = recordTool({
  name: "workspace_sync_push",
  title: "Copy host files in",
  description:
    "Copy a directory or archive of the host into a workspace, over what is there, when host files changed after workspace_create. Nothing is deleted there.",
  input: z.object({
    workspace_id: workspaceId,
    source: hostPath
      .optional()
      .describe("Host directory, .tar, .tar.gz or .tgz; default: the project"),
    dest: guestPath.optional().describe("Directory, default /workspace"),
    include_ignored: includeIgnored,
  }),
  effect: "guest-idempotent",
  profile: "workspace-core",
  result: "workspaceSync",
  run: async (input, call) => {
    const source = await sourceOf(input.source, call);
    const pyro = await call.pyro();
    const value = await pyro.pushWorkspaceSync(input.workspace_id, source.path, {
      dest: input.dest,
      respectGitignore: source.isDirectory && input.include_ignored !== true,
      onProgress: ({ step }) => call.report(step),
      signal: call.signal,
    });
    return { value };
  },
});

async function sourceOf(
  given: string | undefined,
  { roots, project }: Call,
): Promise<{ path: string; isDirectory: boolean }> {
  if (given !== undefined) {
    const path = roots.readable(given);
    return { path, isDirectory: !/\.(tar|tar\.gz|tgz)$/i.test(path) };
  }
  if (project !== undefined) return await project.seed();
  throw new PyroError("invalid_argument", "The server was not started in a project.", {
    hint: "Give source.",
  });
}

export const workspaceExport = recordTool({
  name: "workspace_export",
  title: "Copy out to the host",
  description:
    "Copy one file or directory of a workspace to the host when the user is to have it. Never overwrites; only into the project and other allowed directories. Names files that run code, and leaves out those that run by themselves: hooks, .envrc, settings of editors and agents.",
  input: z.object({
    workspace_id: workspaceId,
    path: guestPath,
    output_path: hostPath.describe("On the host; must not exist yet"),
    include_self_running: z
      .boolean()
      .optional()
      .describe("Only when the user wants what runs by itself; default false"),
  }),
  effect: "host",
  profile: "workspace-core",
  result: "workspaceExport",
  run: async (input, { pyro, roots, signal, report }) => {
    const outputPath = roots.writable(input.output_path);
    const value = await (await pyro()).exportWorkspace(input.workspace_id, input.path, {
      outputPath,
      leaveOutSelfRunning: input.include_self_running !== true,
      onProgress: ({ step }) => report(step),
      signal,
    });
    const steps = [
      ...(value.skipped.length > 0 ? ["Tell the user what was left out (skipped)."] : []),
      ...(value.runsWhenOpened.length > 0 ? ["Tell the user which files run code."] : []),
    ];
    return { value, next: steps.length > 0 ? steps.join(" ") : undefined };
  },
});
