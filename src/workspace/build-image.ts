import { closeSync } from "node:fs";
import type { Readable } from "node:stream";
import type { LayerOptions, LayerResult } from "../channel/build-client.ts";
import type { BootFiles, Driver } from "../drivers/driver.ts";
import type { DiskContent } from "../environments/disk-content.ts";
import { attachAgent, discard } from "./attach-agent.ts";
import { bootDeadlineMs } from "./machine-factory.ts";

/** Memory of the builder: its page cache is what makes unpacking quick. */
const builderMemMib = 1024;

/** One layer, lowest first. */
export interface ImageLayer {
  readonly compression: LayerOptions["compression"];
  open(): Readable;
  /** Called with what the guest found in the layer; throws to refuse it. Absent for a source that is trusted as it is. */
  check?(result: LayerResult): void;
}

export interface ImageBuild {
  readonly driver: Driver;
  readonly boot: BootFiles;
  readonly blank: () => Promise<DiskContent>;
  /** Where the ext4 image is made; must not exist. */
  readonly diskPath: string;
  readonly layers: readonly ImageLayer[];
  readonly signal?: AbortSignal | undefined;
}

/** Size of what was built. */
export interface BuiltImage {
  readonly entryCount: number;
  readonly usedBytes: number;
}

/** Turns layers into one ext4 image inside a throwaway virtual machine; the host never unpacks them. */
export async function buildImage(build: ImageBuild): Promise<BuiltImage> {
  const disk = (await build.blank()).createAt(build.diskPath);
  try {
    const machine = await build.driver.boot({
      vcpuCount: 1,
      memMib: builderMemMib,
      boot: build.boot,
      role: "builder",
      environmentDisk: disk,
      lifetime: "caller",
    });
    const attached = await attachAgent(machine, bootDeadlineMs, build.signal);
    const abort = () => void machine.kill();
    build.signal?.addEventListener("abort", abort, { once: true });
    try {
      await machine.verifyConfinement();
      for (const layer of build.layers) {
        const { compression } = layer;
        const result = await attached.client.build.applyLayer(layer.open(), {
          compression,
          digest: layer.check !== undefined,
        });
        layer.check?.(result);
      }
      return await attached.client.build.finishImage();
    } catch (error) {
      build.signal?.throwIfAborted();
      throw error;
    } finally {
      build.signal?.removeEventListener("abort", abort);
      await discard(attached);
    }
  } finally {
    closeSync(disk);
  }
}
