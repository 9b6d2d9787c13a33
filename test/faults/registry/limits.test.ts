import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { rm, stat, statfs } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  blob,
  descriptor,
  makeImage,
  manifestOf,
  type TestBlob,
  types,
} from "../../support/registry-image.ts";
import { failureOf, pullFrom, temporaryDirectory } from "../../support/registry-pull.ts";
import { type Handler, RegistryStub, sendDocument } from "../../support/registry-stub.ts";

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
const image = makeImage();
const [layer] = image.layers as [TestBlob];

/** Sends `mebibytes` of spaces and counts what was taken from us. */
function flood(path: string, mebibytes: number, announce: boolean) {
  const sent = { bytes: 0 };
  const handler: Handler = async (request, response) => {
    if (!request.url?.endsWith(path)) return false;
    response.setHeader("content-type", types.manifest);
    if (announce) response.setHeader("content-length", mebibytes * mebibyte);
    const chunk = Buffer.alloc(64 * 1024, 0x20);
    for (let count = 0; count < mebibytes * 16 && !response.destroyed; count++) {
      sent.bytes += chunk.length;
      if (!response.write(chunk)) await drained(response);
    }
    response.end();
    return true;
  };
  return { sent, handler };
}

/** Resolves when the response takes more, or never will. */
async function drained(response: ServerResponse): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
  settled.abort();
}

async function refusal(test: Parameters<typeof temporaryDirectory>[0], handler: Handler) {
  await using stub = await RegistryStub.start({ handler });
  stub.offer(image);
  const cache = join(await temporaryDirectory(test), "cache");
  const failure = await failureOf(pullFrom(stub, cache));
  assert.equal(failure.code, "image_limit_exceeded", failure.message);
  assert.ok(failure.hint);
  assert.deepEqual(stub.paths(/\/blobs\//), []);
  return failure;
}

function serving(document: TestBlob): Handler {
  return (request, response) => {
    if (!request.url?.endsWith("/manifests/v1")) return false;
    sendDocument(response, document);
    return true;
  };
}

describe("a registry that serves too much", { timeout: 25_000 }, () => {
  for (const announce of [true, false])
    it(`is cut off at a 1 GiB manifest, ${announce ? "announced" : "streamed"}`, async (test) => {
      const { sent, handler } = flood("/manifests/v1", 1024, announce);
      const failure = await refusal(test, handler);
      assert.match(failure.message, /manifest has .* bytes; pyro accepts 4194304/);
      assert.ok(sent.bytes < 32 * mebibyte, `${sent.bytes} bytes were sent`);
    });

  it("is refused with more layers than can be stacked", async (test) => {
    const layers = Array.from({ length: 129 }, () => layer);
    const failure = await refusal(test, serving(manifestOf(image.config, layers)));
    assert.match(failure.message, /129 layers; pyro accepts 128/);
  });

  it("is refused with 100,000 layers", async (test) => {
    const layers = Array.from({ length: 100_000 }, () => layer);
    await refusal(test, serving(manifestOf(image.config, layers)));
  });

  it("is refused with 5,000 platforms", async (test) => {
    const manifests = Array.from({ length: 5000 }, () => descriptor(image.manifest));
    const index = { schemaVersion: 2, mediaType: types.index, manifests };
    await refusal(test, serving(blob(index, types.index)));
  });

  for (const size of ["9e18", "1e999", "17179869185"])
    it(`is refused with a layer of ${size} bytes`, async (test) => {
      const text = image.manifest.bytes
        .toString("utf8")
        .replace(`"size":${layer.bytes.length}`, `"size":${size}`);
      await refusal(test, serving(blob(Buffer.from(text), types.manifest)));
    });

  it("is refused with 64 GiB in many layers", async (test) => {
    const layers = Array.from({ length: 5 }, (_, index) => ({
      ...descriptor(layer),
      digest: `sha256:${String(index).repeat(64)}`,
      size: 16 * gibibyte,
    }));
    await refusal(test, serving(manifestOf(image.config, [], { layers })));
  });

  it("is refused with a config of 5 MiB", async (test) => {
    const config = { ...descriptor(image.config), size: 5 * mebibyte };
    await refusal(test, serving(manifestOf(image.config, image.layers, { config })));
  });

  it("is told that the disk has no room before anything is downloaded", async (test) => {
    const shm = await statfs("/dev/shm").catch(() => undefined);
    if (shm === undefined || shm.bavail * shm.bsize > 63 * gibibyte)
      return test.skip("no file system here is known to be small enough");
    const layers = Array.from({ length: 4 }, (_, index) => ({
      ...descriptor(layer),
      digest: `sha256:${String(index).repeat(64)}`,
      size: 16 * gibibyte - mebibyte,
    }));
    await using stub = await RegistryStub.start({
      handler: serving(manifestOf(image.config, [], { layers })),
    });
    const cache = `/dev/shm/pyro-registry-${process.pid}`;
    test.after(() => rm(cache, { recursive: true, force: true }));
    const failure = await failureOf(pullFrom(stub, cache));
    assert.equal(failure.code, "host_no_space");
    assert.deepEqual(stub.paths(/\/blobs\//), []);
  });
});

describe("a large layer", { timeout: 25_000 }, () => {
  it("passes through in constant memory", async (test) => {
    const sizeBytes = 256 * mebibyte;
    const chunk = Buffer.alloc(mebibyte, 0x61);
    const hash = createHash("sha256");
    for (let sent = 0; sent < sizeBytes; sent += chunk.length) hash.update(chunk);
    const large = { mediaType: types.tar, digest: `sha256:${hash.digest("hex")}`, size: sizeBytes };
    const config = makeImage({ layers: [{ size: 1, packing: "tar" }] }).config;
    const manifest = manifestOf(config, [], { layers: [large] });
    await using stub = await RegistryStub.start({
      handler: async (request, response) => {
        if (!request.url?.endsWith(large.digest)) return false;
        response.setHeader("content-length", sizeBytes);
        for (let sent = 0; sent < sizeBytes; sent += chunk.length)
          if (!response.write(chunk)) await drained(response);
        response.end();
        return true;
      },
    });
    stub.offer({ ...image, config, layers: [], manifest });
    const cache = join(await temporaryDirectory(test), "cache");
    const before = process.memoryUsage.rss();
    let peak = before;
    const pulled = await pullFrom(stub, cache, {
      onProgress: () => {
        peak = Math.max(peak, process.memoryUsage.rss());
      },
    });
    assert.equal((await stat(pulled.layers[0]?.path ?? "")).size, sizeBytes);
    assert.ok(peak - before < 128 * mebibyte, `grew by ${(peak - before) / mebibyte} MiB`);
  });
});
