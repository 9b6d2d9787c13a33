import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from "node:fs";
import { systemErrorCode } from "../../model/errors.ts";
import { kindOf } from "../../model/workspace-names.ts";
import { writeFileAtomicallySync } from "../../platform/files.ts";
import type { KnownWorkspace } from "../../registry/adopt-workspace.ts";
import { unknownImage } from "../../registry/workspaces.ts";
import type { WorkspaceFiles } from "./workspace-files.ts";

/** Of the file's layout; fields may be added without another. */
const version = 1;
/** Labels and the names of what a seed left out are most of it. */
const bytesMax = 4 * 1024 * 1024;

/** Writes what a workspace is into its directory, if it has one. */
export function describeOnDisk(files: WorkspaceFiles, { row, ...kept }: KnownWorkspace): void {
  try {
    const text = JSON.stringify({ version, ...row, ...kept }, undefined, 2);
    // One that is being created was promised to nobody, and does not outlive the host's power.
    const isFlushed = row.state !== "creating";
    writeFileAtomicallySync(files.descriptionPath, `${text}\n`, { isFlushed });
  } catch (error) {
    // What is there is older, which whoever looks next sees and mends; a full disk must not keep a workspace from stopping.
    if (systemErrorCode(error) === undefined) throw error;
  }
}

/** How often the workspace had changed when it was described; undefined when it is not, or not so that anybody can tell. */
export function describedRevision(files: WorkspaceFiles): number | undefined {
  const { revision = 0 } = parse(files) ?? { revision: undefined };
  return typeof revision === "number" ? revision : undefined;
}

/** The description, every field of it checked; undefined when it is missing, damaged or of another workspace. */
export async function readDescription(
  files: WorkspaceFiles,
  workspaceId: string,
): Promise<KnownWorkspace | undefined> {
  const document = parse(files);
  if (document === undefined) return undefined;
  const { describedSchema } = await import("./description-schema.ts");
  // One that says nothing of its image may have any.
  const imageId = existsSync(files.rootDirectory) ? null : unknownImage;
  const { success, data } = describedSchema.safeParse({ workspaceId, imageId, ...document });
  if (!success || data.workspaceId !== workspaceId) return undefined;
  const { snapshots, services, ports, version: _, ...row } = data;
  const isEndlessVm = kindOf(workspaceId) === "vm" && row.expiresAt === null;
  return isEndlessVm ? undefined : { row, snapshots, services, ports };
}

function parse(files: WorkspaceFiles): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(readSmallFile(files.descriptionPath));
    const isDescription =
      typeof document === "object" && document !== null && "version" in document;
    return isDescription && document.version === version ? { ...document } : undefined;
  } catch {
    return undefined;
  }
}

/** Waits for nobody and follows no link, whatever lies there. */
function readSmallFile(path: string): string {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = fstatSync(file);
    return found.isFile() && found.size <= bytesMax ? readFileSync(file, "utf8") : "";
  } finally {
    closeSync(file);
  }
}
