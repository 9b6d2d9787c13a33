import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { makeImage, type TestBlob } from "../../support/registry-image.ts";
import { completeBlobs, temporaryDirectory } from "../../support/registry-pull.ts";
import { RegistryStub, rangeStart } from "../../support/registry-stub.ts";

const script = fileURLToPath(new URL("../../support/registry-pull-child.ts", import.meta.url));
const rounds = 6;

/** A pulling process and what it has said so far. */
class Puller {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly lines: string[] = [];
  errors = "";

  constructor(test: TestContext, stub: RegistryStub, cache: string) {
    const child = spawn(process.execPath, [script, stub.reference, stub.host, cache], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    test.after(() => child.kill("SIGKILL"));
    this.child = child;
    this.ended = once(child, "close");
    createInterface(child.stdout).on("line", (line) => {
      this.lines.push(line);
      child.emit("said");
    });
    child.stderr.on("data", (chunk) => {
      this.errors += chunk;
    });
  }

  /** Resolves when the process has said it, fails when it ends without. */
  async says(pattern: RegExp): Promise<void> {
    while (!this.lines.some((line) => pattern.test(line))) {
      const ended = this.ended.then(() => "ended");
      if ((await Promise.race([once(this.child, "said"), ended])) === "ended")
        assert.match(this.lines.join("\n"), pattern, this.errors);
    }
  }
}

describe("processes that pull the same image", { timeout: 25_000 }, () => {
  for (let round = 1; round <= rounds; round++)
    it(`share one download when its owner is killed, round ${round}`, async (test) => {
      const image = makeImage({
        layers: [{ size: 400_000, packing: "tar" }],
        seed: `round-${round}`,
      });
      const [layer] = image.layers as [TestBlob];
      const half = 30_000 * round;
      const starts: number[] = [];
      const owner = Promise.withResolvers<void>();
      await using stub = await RegistryStub.start({
        handler: (request, response) => {
          if (!request.url?.endsWith(layer.digest)) return false;
          starts.push(rangeStart(request));
          if (starts.length > 1) return false;
          // The first one gets a part and is then held until it is killed.
          response.writeHead(200, { "content-length": layer.bytes.length });
          response.write(layer.bytes.subarray(0, half), () => owner.resolve());
          return true;
        },
      });
      stub.offer(image);
      const cache = join(await temporaryDirectory(test), "cache");
      const first = new Puller(test, stub, cache);
      await Promise.race([owner.promise, first.ended]);
      assert.equal(first.child.exitCode, null, first.errors);
      const others = [new Puller(test, stub, cache), new Puller(test, stub, cache)];
      await Promise.all(others.map((other) => other.says(/waiting for another pyro process/)));
      assert.ok(!(await completeBlobs(cache)).includes(layer.digest.slice(7)));

      first.child.kill("SIGKILL");
      await Promise.all([first, ...others].map(({ ended }) => ended));
      for (const { child, lines, errors } of others) {
        assert.equal(child.exitCode, 0, errors);
        assert.equal(lines.at(-1), `done ${layer.digest}`);
      }
      assert.equal(starts.length, 2, "one download after the killed one");
      assert.ok((starts[1] ?? 0) <= half);
      const path = join(cache, "blobs", "sha256", layer.digest.slice(7));
      assert.deepEqual(await readFile(path), layer.bytes);
    });
});
