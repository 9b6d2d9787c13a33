import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { indexOf, makeImage, type TestBlob } from "../../support/registry-image.ts";
import {
  completeBlobs,
  failureOf,
  pullFrom,
  temporaryDirectory,
} from "../../support/registry-pull.ts";
import { type Handler, RegistryStub, sendRange } from "../../support/registry-stub.ts";

const image = makeImage({ layers: [{ size: 600, packing: "tar" }] });
const index = indexOf({ "linux/amd64": image.manifest });
const [layer] = image.layers as [TestBlob];

/** Serves `bytes` instead of `part`, everything else honestly. */
function instead(part: TestBlob, bytes: Buffer): Handler {
  return (request, response) => {
    if (!request.url?.endsWith(part.digest)) return false;
    response.setHeader("content-type", part.mediaType);
    sendRange(request, response, bytes);
    return true;
  };
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

describe("a registry that serves other bytes than it promised", { timeout: 25_000 }, () => {
  for (const [name, part] of [
    ["manifest", image.manifest],
    ["config", image.config],
    ["layer", layer],
  ] as const)
    it(`loses to the digest for 120 single flipped bits of the ${name}`, async (test) => {
      await using stub = await RegistryStub.start();
      stub.offer(image, index);
      const cache = join(await temporaryDirectory(test), "cache");
      const bits = part.bytes.length * 8;
      for (let round = 0; round < 120; round++) {
        const bit = Math.floor((bits * round) / 120) + (round % 8);
        stub.handler = instead(part, flipped(part.bytes, Math.min(bit, bits - 1)));
        const failure = await failureOf(pullFrom(stub, cache));
        assert.equal(failure.code, "digest_mismatch", `bit ${bit}: ${failure.message}`);
        assert.match(failure.message, new RegExp(part.digest));
        assert.ok(!(await completeBlobs(cache)).includes(part.digest.slice(7)));
      }
      stub.handler = () => false;
      await pullFrom(stub, cache);
    });

  it("is caught by the digest header for a flipped bit under a tag", async (test) => {
    const bytes = flipped(image.manifest.bytes, 8 * 40);
    await using stub = await RegistryStub.start({
      handler: (request, response) => {
        if (!request.url?.endsWith("/manifests/v1")) return false;
        response.setHeader("docker-content-digest", image.manifest.digest);
        response.setHeader("content-type", image.manifest.mediaType);
        response.end(bytes);
        return true;
      },
    });
    stub.offer(image);
    const failure = await failureOf(pullFrom(stub, await temporaryDirectory(test)));
    assert.equal(failure.code, "digest_mismatch");
  });

  const lengths: ReadonlyArray<readonly [string, TestBlob, Buffer]> = [
    ["truncated config", image.config, image.config.bytes.subarray(0, -1)],
    ["empty config", image.config, Buffer.alloc(0)],
    [
      "config with a trailing newline",
      image.config,
      Buffer.concat([image.config.bytes, Buffer.from("\n")]),
    ],
    ["truncated layer", layer, layer.bytes.subarray(0, 512)],
    ["layer with trailing bytes", layer, Buffer.concat([layer.bytes, Buffer.alloc(1)])],
    ["truncated manifest", image.manifest, image.manifest.bytes.subarray(0, -1)],
    [
      "manifest with trailing bytes",
      image.manifest,
      Buffer.concat([image.manifest.bytes, Buffer.from(" ")]),
    ],
  ];
  for (const [name, part, bytes] of lengths)
    it(`is caught with a ${name}`, async (test) => {
      await using stub = await RegistryStub.start({ handler: instead(part, bytes) });
      stub.offer(image, index);
      const cache = join(await temporaryDirectory(test), "cache");
      const failure = await failureOf(pullFrom(stub, cache));
      assert.equal(failure.code, "digest_mismatch");
      assert.match(failure.hint ?? "", /Pull again/);
      assert.ok(!(await completeBlobs(cache)).includes(part.digest.slice(7)));
    });

  it("is caught when the bytes have no announced length", async (test) => {
    const honest = layer.bytes;
    for (const [bytes, code] of [
      [Buffer.concat([honest, Buffer.alloc(5000)]), "digest_mismatch"],
      [honest.subarray(0, 700), "registry_unreachable"],
    ] as const) {
      await using stub = await RegistryStub.start({
        handler: (request, response) => {
          if (!request.url?.endsWith(layer.digest)) return false;
          response.write(bytes);
          response.end();
          return true;
        },
      });
      stub.offer(image);
      const cache = join(await temporaryDirectory(test), "cache");
      const failure = await failureOf(pullFrom(stub, cache));
      assert.equal(failure.code, code);
      assert.ok(!(await completeBlobs(cache)).includes(layer.digest.slice(7)));
    }
  });

  it("is cut off when a layer has no end", async (test) => {
    let sentBytes = 0;
    await using stub = await RegistryStub.start({
      handler: async (request, response) => {
        if (!request.url?.endsWith(layer.digest)) return false;
        const chunk = Buffer.alloc(64 * 1024);
        while (!response.destroyed && sentBytes < 512 * 1024 * 1024) {
          sentBytes += chunk.length;
          await new Promise((resolve) => response.write(chunk, resolve));
        }
        response.end();
        return true;
      },
    });
    stub.offer(image);
    const failure = await failureOf(pullFrom(stub, join(await temporaryDirectory(test), "cache")));
    assert.equal(failure.code, "digest_mismatch");
    assert.match(failure.message, /has over \d+ bytes/);
    assert.ok(sentBytes < 32 * 1024 * 1024, `${sentBytes} bytes were sent`);
  });

  it("does not spoil the cache for a kept part that was damaged on disk", async (test) => {
    await using stub = await RegistryStub.start();
    stub.offer(image);
    const cache = join(await temporaryDirectory(test), "cache");
    const path = (await pullFrom(stub, cache)).layers[0]?.path ?? "";
    for (const kept of [100, layer.bytes.length, layer.bytes.length + 9]) {
      await writeFile(path, "");
      await writeFile(`${path}.partial`, Buffer.alloc(kept, 0x55));
      await pullFrom(stub, cache);
      assert.deepEqual(await readFile(path), layer.bytes);
    }
  });

  it("cannot use a tampered cache: every damaged file is fetched again", async (test) => {
    await using stub = await RegistryStub.start();
    stub.offer(image, index);
    const cache = join(await temporaryDirectory(test), "cache");
    await pullFrom(stub, cache);
    for (const part of [image.config, layer])
      for (const bytes of [flipped(part.bytes, 77), part.bytes.subarray(3), Buffer.alloc(0)]) {
        const path = join(cache, "blobs", "sha256", part.digest.slice(7));
        await writeFile(path, bytes);
        await pullFrom(stub, cache);
        assert.deepEqual(await readFile(path), part.bytes);
      }
  });
});
