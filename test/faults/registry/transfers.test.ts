import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { makeImage, type TestBlob } from "../../support/registry-image.ts";
import {
  completeBlobs,
  failureOf,
  pullFrom,
  temporaryDirectory,
} from "../../support/registry-pull.ts";
import { type Handler, RegistryStub, rangeStart, sendRange } from "../../support/registry-stub.ts";

const kibibyte = 1024;
const image = makeImage({ layers: [{ size: 1024 * kibibyte, packing: "tar" }] });
const [layer] = image.layers as [TestBlob];
const isLayer = (url: string | undefined) => url?.endsWith(layer.digest) === true;

/** Announces everything, sends `length` bytes and resets the connection. */
function resettingAfter(length: number): Handler {
  return (request, response) => {
    if (!isLayer(request.url)) return false;
    const start = rangeStart(request);
    const end = start + length;
    if (end >= layer.bytes.length) return false;
    response.writeHead(start > 0 ? 206 : 200, {
      "content-length": layer.bytes.length - start,
      ...(start > 0 && {
        "content-range": `bytes ${start}-${layer.bytes.length - 1}/${layer.bytes.length}`,
      }),
    });
    // Ended only when the bytes are on their way, so that each try makes some progress.
    response.write(layer.bytes.subarray(start, end), () => setImmediate(() => response.destroy()));
    return true;
  };
}

async function cacheFor(test: Parameters<typeof temporaryDirectory>[0]): Promise<string> {
  return join(await temporaryDirectory(test), "cache");
}

const partialOf = (cache: string) =>
  join(cache, "blobs", "sha256", `${layer.digest.slice(7)}.partial`);

/** Resolves when the files are as wanted; the file system tells nobody. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("a broken transfer", { timeout: 25_000 }, () => {
  it("completes although every 64 KiB end with a reset, and counts the retries", async (test) => {
    await using stub = await RegistryStub.start({ handler: resettingAfter(64 * kibibyte) });
    stub.offer(image);
    const details: string[] = [];
    const pulled = await pullFrom(stub, await cacheFor(test), {
      onProgress: ({ detail }) => details.push(detail),
    });
    assert.deepEqual(await readFile(pulled.layers[0]?.path ?? ""), layer.bytes);
    const tries = stub.paths(/blobs/).filter(isLayer).length;
    assert.ok(tries >= 16, `${tries} tries`);
    assert.match(details.join("\n"), new RegExp(`, ${tries - 1} retries$`));
  });

  it("completes with a registry that cannot continue", async (test) => {
    let tries = 0;
    await using stub = await RegistryStub.start({
      handler: (request, response) => {
        if (!isLayer(request.url)) return false;
        request.headers.range = undefined;
        return ++tries < 3 ? resettingAfter(100 * kibibyte)(request, response) : false;
      },
    });
    stub.offer(image);
    const pulled = await pullFrom(stub, await cacheFor(test));
    assert.deepEqual(await readFile(pulled.layers[0]?.path ?? ""), layer.bytes);
    assert.equal(tries, 3);
  });

  for (const [name, status, range] of [
    ["refuses the range", 416, undefined],
    ["sends another range", 206, `bytes 5-9/${layer.bytes.length}`],
    ["sends no range", 206, undefined],
  ] as const)
    it(`starts again when the registry ${name}`, async (test) => {
      await using stub = await RegistryStub.start({ handler: resettingAfter(64 * kibibyte) });
      stub.offer(image);
      const cache = await cacheFor(test);
      await failureOf(
        pullFrom(stub, cache, { wait: () => Promise.reject(new DOMException("x")) }),
      ).catch(() => {});
      assert.ok((await stat(partialOf(cache))).size > 0);
      stub.handler = (request, response) => {
        if (!isLayer(request.url) || !request.headers.range) return false;
        response.writeHead(status, range ? { "content-range": range } : {}).end("hello");
        return true;
      };
      const pulled = await pullFrom(stub, cache);
      assert.deepEqual(await readFile(pulled.layers[0]?.path ?? ""), layer.bytes);
    });

  it("is given up after 6 tries without progress, and keeps what came", async (test) => {
    await using stub = await RegistryStub.start({
      handler: (request, response) => {
        if (!isLayer(request.url)) return false;
        if (rangeStart(request) === 0) return resettingAfter(64 * kibibyte)(request, response);
        response.destroy();
        return true;
      },
    });
    stub.offer(image);
    const cache = await cacheFor(test);
    const waits: number[] = [];
    const failure = await failureOf(
      pullFrom(stub, cache, {
        wait: async (milliseconds) => void waits.push(milliseconds),
      }),
    );
    assert.equal(failure.code, "registry_unreachable");
    assert.match(failure.message, /gave up after \d tries/);
    assert.ok((await stat(partialOf(cache))).size > 0);
    assert.equal(waits.length, 5);
    for (const [index, wait] of waits.entries())
      assert.ok(wait >= 250 * 2 ** index && wait <= 500 * 2 ** index, `${waits}`);
    stub.handler = () => false;
    await pullFrom(stub, cache);
    assert.ok(stub.requests.at(-1)?.headers.range, "the next pull goes on");
  });

  it("is noticed when the registry stalls or drips", async (test) => {
    for (const drip of [false, true]) {
      await using stub = await RegistryStub.start({
        handler: (request, response) => {
          if (!isLayer(request.url)) return false;
          response.writeHead(200, { "content-length": layer.bytes.length });
          response.write("x");
          if (!drip) return true;
          const timer = setInterval(() => response.write("x"), 5);
          response.once("close", () => clearInterval(timer));
          return true;
        },
      });
      stub.offer(image);
      const failure = await failureOf(
        pullFrom(stub, await cacheFor(test), { transport: { stallTimeoutMs: 60 } }),
      );
      assert.equal(failure.code, "registry_unreachable");
      assert.match(failure.message, /stalled.*gave up after 6 tries/);
    }
  });

  it("is noticed when the registry never answers", async (test) => {
    await using stub = await RegistryStub.start({ handler: () => true });
    const failure = await failureOf(
      pullFrom(stub, await cacheFor(test), { transport: { stallTimeoutMs: 60 } }),
    );
    assert.equal(failure.code, "registry_unreachable");
    assert.match(failure.message, /stalled/);
  });
});

describe("a busy registry", { timeout: 25_000 }, () => {
  const cases = [
    { status: 429, header: "7", expectedMs: 7000 },
    { status: 503, header: "999999", expectedMs: 60_000 },
    { status: 500, header: "soon", expectedMs: undefined },
    { status: 502, header: undefined, expectedMs: undefined },
  ];
  for (const { status, header, expectedMs } of cases)
    it(`is asked again after ${status} with Retry-After ${header}`, async (test) => {
      const refusals = new Map<string, number>();
      await using stub = await RegistryStub.start({
        handler: (request, response) => {
          const url = request.url ?? "";
          const count = (refusals.get(url) ?? 0) + 1;
          refusals.set(url, count);
          if (!url.startsWith("/v2/app/") || count > 2) return false;
          response.writeHead(status, header === undefined ? {} : { "retry-after": header }).end();
          return true;
        },
      });
      stub.offer(image);
      const waits: number[] = [];
      await pullFrom(stub, await cacheFor(test), {
        wait: async (milliseconds) => void waits.push(milliseconds),
      });
      assert.equal(waits.length, 6, "two for the manifest, the config and the layer");
      for (const wait of waits)
        assert.ok(expectedMs === undefined ? wait <= 1000 : wait === expectedMs, `${waits}`);
    });

  it("is named with what it said when it stays busy", async (test) => {
    await using stub = await RegistryStub.start({
      handler: (_request, response) => {
        response.writeHead(429).end(`toomanyrequests\u001b]0;x\u0007${"y".repeat(5000)}`);
        return true;
      },
    });
    const failure = await failureOf(pullFrom(stub, await cacheFor(test)));
    assert.equal(failure.code, "registry_unreachable");
    assert.match(failure.message, /answered 429: "toomanyrequests\\x1b\]0;x\\x07y+…"; gave up/);
    assert.ok(failure.message.length < 500);
  });

  it("is not asked again for other refusals", async (test) => {
    for (const status of [400, 404, 405, 410, 418]) {
      await using stub = await RegistryStub.start({
        handler: (request, response) => {
          if (!isLayer(request.url)) return false;
          response.writeHead(status).end();
          return true;
        },
      });
      stub.offer(image);
      const failure = await failureOf(pullFrom(stub, await cacheFor(test)));
      assert.equal(failure.code, "registry_lied");
      assert.match(failure.message, new RegExp(`answered ${status}`));
      assert.equal(stub.paths(/blobs/).filter(isLayer).length, 1);
    }
  });
});

describe("a cancelled pull", { timeout: 25_000 }, () => {
  const three = makeImage({
    layers: [
      { size: 5000, packing: "gzip" },
      { size: 200 * kibibyte, packing: "tar" },
      { size: 300 * kibibyte, packing: "tar" },
    ],
  });
  const [small, slow] = three.layers as [TestBlob, TestBlob];

  for (const moment of ["during the manifest", "during a layer", "between tries"] as const)
    it(`ends within a second ${moment}, keeps good blobs and goes on later`, async (test) => {
      const cache = await cacheFor(test);
      const slowPartial = join(cache, "blobs", "sha256", `${slow.digest.slice(7)}.partial`);
      const finished = (names: readonly string[]) => names.includes(small.digest.slice(7));
      const controller = new AbortController();
      let abortedAtMs = 0;
      const abort = () => {
        abortedAtMs = performance.now();
        controller.abort();
      };
      await using stub = await RegistryStub.start({
        handler: (request, response) => {
          if (moment === "during the manifest" && request.url?.includes("/manifests/")) {
            abort();
            return true;
          }
          if (!request.url?.endsWith(slow.digest)) return false;
          if (moment === "between tries") response.writeHead(503).end();
          else {
            response.writeHead(200, { "content-length": slow.bytes.length });
            response.write(slow.bytes.subarray(0, 70 * kibibyte));
            void until(async () => {
              const kept = await stat(slowPartial).catch(() => undefined);
              return kept?.size === 70 * kibibyte && finished(await completeBlobs(cache));
            }).then(abort);
          }
          return true;
        },
      });
      stub.offer(three);
      const failure = await failureOf(
        pullFrom(stub, cache, {
          signal: controller.signal,
          wait: async (_milliseconds, signal) => {
            abort();
            signal?.throwIfAborted();
          },
        }),
      );
      assert.ok(performance.now() - abortedAtMs < 1000);
      assert.equal(failure.code, "cancelled");
      if (moment === "during a layer") {
        assert.ok(finished(await completeBlobs(cache)));
        assert.equal((await stat(slowPartial)).size, 70 * kibibyte);
      }
      stub.handler = () => false;
      const already = stub.requests.length;
      await pullFrom(stub, cache);
      if (moment === "during a layer") {
        const later = stub.requests.slice(already).filter(({ path }) => path.includes("/blobs/"));
        assert.ok(!later.some(({ path }) => path.endsWith(small.digest)));
        const resumed = later.find(({ path }) => path.endsWith(slow.digest));
        assert.equal(resumed?.headers.range, `bytes=${70 * kibibyte}-`);
      }
    });

  it("does not begin at all when it is cancelled before", async (test) => {
    await using stub = await RegistryStub.start();
    stub.offer(image);
    const failure = await failureOf(
      pullFrom(stub, await cacheFor(test), { signal: AbortSignal.abort() }),
    );
    assert.equal(failure.code, "cancelled");
    assert.deepEqual(stub.requests, []);
  });

  it("is what a failing layer does to the others, with its own error", async (test) => {
    await using stub = await RegistryStub.start({
      handler: (request, response) => {
        if (request.url?.endsWith(slow.digest)) {
          response.writeHead(200, { "content-length": slow.bytes.length });
          response.write("x");
          return true;
        }
        if (!request.url?.endsWith(small.digest)) return false;
        sendRange(request, response, Buffer.alloc(small.bytes.length));
        return true;
      },
    });
    stub.offer(three);
    const failure = await failureOf(pullFrom(stub, await cacheFor(test)));
    assert.equal(failure.code, "digest_mismatch");
  });
});
