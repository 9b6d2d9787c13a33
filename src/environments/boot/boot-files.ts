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
