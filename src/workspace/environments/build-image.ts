import { closeSync } from "node:fs";
import type { FinishResult, LayerResult } from "../../channel/build-client.ts";
import type { BootFiles, Driver } from "../../drivers/driver.ts";
import type { DiskContent } from "../../environments/disk-content.ts";
import { type ErrorCode, PyroError } from "../../model/errors.ts";
import { type Attached, attachBooted, discard } from "../machines/attach-agent.ts";

/** Memory of the builder: its page cache is what makes unpacking quick. */
const builderMemMib = 1024;

/** One layer, lowest first. */
export interface ImageLayer {
  /** As an error names it. */
  readonly name: string;
  /** A tar, plain or packed. Whoever stops reading early lets go of what is behind it. */
  open(): AsyncIterable<Buffer>;
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

/** Turns layers into one ext4 image inside a throwaway virtual machine; the host never unpacks them. */
export async function buildImage(build: ImageBuild): Promise<FinishResult> {
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
    const attached = await attachBooted(machine, build);
    const abort = () => void machine.kill();
    build.signal?.addEventListener("abort", abort, { once: true });
    try {
      await machine.verifyConfinement();
      for (const layer of build.layers) await applyLayer(attached, layer);
      return await attached.client.build.finishImage();
    } catch (error) {
      build.signal?.throwIfAborted();
      throw namingBuilder(error);
    } finally {
      build.signal?.removeEventListener("abort", abort);
      await discard(attached);
    }
  } finally {
    closeSync(disk);
  }
}

async function applyLayer({ client }: Attached, layer: ImageLayer): Promise<void> {
  const digest = layer.check !== undefined;
  const result = await client.build.applyLayer(layer.open(), { digest }).catch((error) => {
    throw namingLayer(error, layer.name);
  });
  layer.check?.(result);
}

/** Nobody who asked for an image knows that a machine makes it. */
function namingBuilder(error: unknown): unknown {
  if (!(error instanceof PyroError) || error.code !== "guest_lost") return error;
  return new PyroError(
    "guest_lost",
    "The virtual machine that makes the image ended before it was done.",
    { hint: "Install the environment again; see whether the host has the memory.", cause: error },
  );
}

/** What to do about a layer that was refused, by the code of the refusal. */
const refusalHints: Partial<Record<ErrorCode, string>> = {
  environment_build_failed:
    "The image is broken: use another tag, or build and push it again with a current tool.",
  image_limit_exceeded: "Use a smaller image, or rebuild it in fewer and smaller layers.",
  guest_no_space: "Use a smaller image: this one does not fit an environment's disk.",
};

/** A guest knows neither the image nor which of its layers it was given. */
function namingLayer(error: unknown, name: string): unknown {
  if (!(error instanceof PyroError) || !(error.code in refusalHints)) return error;
  return new PyroError(error.code, `${name} cannot be applied: ${error.message}`, {
    hint: refusalHints[error.code],
    cause: error,
  });
}
