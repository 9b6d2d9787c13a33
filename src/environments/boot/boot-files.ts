import type { Config } from "../../platform/config.ts";

/** Kernel and initial file system of every guest, as paths on the host. */
export interface BootFiles {
  readonly kernelPath: string;
  readonly initramfsPath: string;
  /** Of both files: changes whenever either does. */
  readonly digest: string;
}

export interface BootFilesOptions {
  readonly config: Pick<Config, "cacheDirectory" | "debianMirror">;
  /** The guest agent's executable on the host. */
  readonly agentPath: string;
  readonly onStep?: (step: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Of the initial file system that, with its kernel, has this digest. */
export function initramfsName(digest: string): string {
  return `initramfs-${digest.slice(0, 16)}.cpio`;
}

/** Whether this is such a name, of whatever it was made. */
export function isInitramfsName(name: string): boolean {
  return /^initramfs-[\da-f]{16}\.cpio$/.test(name);
}
