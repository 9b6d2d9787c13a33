import { randomUUID } from "node:crypto";
import { closeSync, constants, fstatSync, fsyncSync, openSync } from "node:fs";
import { stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { diskBytes } from "../../environments/blank-disk.ts";
import { displayPath, fromUtf8 } from "../../model/byte-path.ts";
import { PyroError } from "../../model/errors.ts";
import type { WorkspaceDiskExport } from "../../model/workspace-results.ts";
import { below } from "../../platform/descriptor-path.ts";
import { faultPoint } from "../../platform/fault.ts";
import { namingNoSpace } from "../../platform/files.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { StagingArea } from "../../trees/staging-area.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type { ExportDiskOptions } from "../life/workspace-options.ts";
import { now } from "../records/workspace-records.ts";
import { findStopped, lookAtDisk } from "./look-at-disk.ts";

/** A disk of the host with less room than this has none. */
const roomBytesMin = 64 * 1024 * 1024;
const gibibyte = 1024 ** 3;

/** Writes the whole root of a stopped workspace as one ext4 image: complete, or not at all. */
export async function exportWorkspaceDisk(
  context: WorkspaceContext,
  id: string,
  { outputPath, ...options }: ExportDiskOptions,
): Promise<WorkspaceDiskExport> {
  const row = await findStopped(context, id);
  using staging = new StagingArea(outputPath);
  const usedBytes = await roomOf(context, row);
  using image = await NewImage.create(context, staging, usedBytes);
  const onCopied = ({ bytes }: { bytes: number }) =>
    options.onProgress?.({ step: "copying", completedBytes: bytes, totalBytes: usedBytes });
  const { entryCount } = await lookAtDisk(
    context,
    { row, targetDisk: image.fd, ...options },
    async (client) => {
      await client.correctClock();
      return client.disk.export({ onCopied, signal: options.signal });
    },
  ).catch(async (error: unknown) => {
    throw await namingFullHost(error, staging.destination);
  });
  fsyncSync(image.fd);
  faultPoint("export.written");
  staging.publish(false);
  const { workspaceId } = row;
  const shown = displayPath(fromUtf8(staging.destination), 400);
  const text = `exported the disk to ${shown}`;
  context.records.journal.record({ workspaceId, at: now(), kind: "export", text });
  return { workspaceId, outputPath: staging.destination, entryCount, ...image.sizes() };
}

/** What the disks of a workspace take on the host: about what all files together take. */
async function roomOf(context: WorkspaceContext, row: WorkspaceRow): Promise<number> {
  const { images } = context.host;
  const image = row.imageId === null ? undefined : await images.findById(row.imageId);
  const ofEnvironment = image === undefined ? 0 : await images.diskUsageBytes(image);
  const disk = await stat(context.files(row.workspaceId).diskPath).catch(() => undefined);
  return ofEnvironment + (disk?.blocks ?? 0) * 512;
}

/** An ext4 file system without anything in it, open under the name that it is staged under. */
class NewImage implements Disposable {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** As large as the disk of a machine, or larger where twice of what is there needs more; the file is sparse. */
  static async create(
    { host }: WorkspaceContext,
    staging: StagingArea,
    usedBytes: number,
  ): Promise<NewImage> {
    const bytes = Math.max(diskBytes, Math.ceil((2 * usedBytes) / gibibyte) * gibibyte);
    const { formatBlankDisk } = await import("../../environments/format-blank-disk.ts");
    const blank = await formatBlankDisk(join(host.config.cacheDirectory, "export"), bytes, {
      identifier: randomUUID(),
    });
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
    const fd = openSync(below(staging.parentFd, staging.name), flags, 0o600);
    try {
      blank.writeTo(fd);
      return new NewImage(fd);
    } catch (error) {
      closeSync(fd);
      throw namingNoSpace(error, staging.destination);
    }
  }

  sizes(): Pick<WorkspaceDiskExport, "bytes" | "storedBytes"> {
    const { size, blocks } = fstatSync(this.fd);
    return { bytes: size, storedBytes: blocks * 512 };
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** A host's disk that is full is an error of a disk to the guest. */
async function namingFullHost(error: unknown, path: string): Promise<unknown> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (!(error instanceof PyroError) || error.code === "cancelled") return error;
  if (bavail * bsize >= roomBytesMin) return error;
  return new PyroError(
    "host_no_space",
    `No room left on the disk of ${dirname(path)} while writing ${path}.`,
    { hint: "Free some room, or export to another disk.", cause: error },
  );
}
