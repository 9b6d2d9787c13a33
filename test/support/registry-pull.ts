import { channel } from "node:diagnostics_channel";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  type PulledImage,
  type PullImageOptions,
  pullImage,
} from "../../src/environments/oci/pull-image.ts";
import { PyroError } from "../../src/model/errors.ts";
import type { RegistryStub } from "./registry-stub.ts";

/** A directory that is gone after the test. */
export async function temporaryDirectory(test: Pick<TestContext, "after">): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "pyro-registry-"));
  test.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Pulls what a stub offers, without ever really waiting between tries. */
export async function pullFrom(
  stub: RegistryStub,
  cacheDirectory: string,
  options: Partial<PullImageOptions> = {},
): Promise<PulledImage> {
  return await pullImage(stub.reference, {
    cacheDirectory,
    authFile: join(cacheDirectory, "no-such-file"),
    insecureRegistries: [stub.host],
    wait: async () => {},
    ...options,
  });
}

/** The PyroError that `work` fails with. */
export async function failureOf(work: Promise<unknown>): Promise<PyroError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PyroError) return error;
    throw error;
  }
  throw new TypeError("expected a failure, but it succeeded");
}

/** Complete blobs in a cache directory. */
export async function completeBlobs(cacheDirectory: string): Promise<readonly string[]> {
  const names = await readdir(join(cacheDirectory, "blobs", "sha256")).catch(() => []);
  return names.filter((name) => !name.endsWith(".partial")).sort();
}

/** Every address this process dials from now on, as `IP:PORT`. */
export class DialRecorder implements Disposable {
  readonly dialled: string[] = [];
  readonly #channel = channel("net.client.socket");
  readonly #onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    socket.on("connectionAttempt", (address: string, port: number) => {
      this.dialled.push(`${address}:${port}`);
    });
  };

  constructor() {
    this.#channel.subscribe(this.#onSocket);
  }

  [Symbol.dispose](): void {
    this.#channel.unsubscribe(this.#onSocket);
  }
}
