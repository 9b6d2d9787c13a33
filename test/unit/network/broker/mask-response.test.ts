import assert from "node:assert/strict";
import { type Duplex, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, it } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Mask, maskHeaders, maskResponse } from "../../../../src/network/broker/mask-response.ts";
import { Refusal } from "../../../../src/network/broker/refusal.ts";
import { SecretValues } from "../../../../src/secrets/redaction.ts";

const value = "canary-S3cret/+value==?&42 ü";
const values = new SecretValues([{ name: "TOKEN", value }]);

/** How a host may say a value. */
const forms: Readonly<Record<string, string>> = {
  "as it is": value,
  "in base64": Buffer.from(value).toString("base64"),
  "in base64 for URLs": Buffer.from(value).toString("base64url"),
  "in a pair for Basic": Buffer.from(`me:${value}`).toString("base64"),
  "in a pair for Basic, otherwise aligned": Buffer.from(`user:${value}`).toString("base64"),
  "in a URL": encodeURIComponent(value),
  "in a form": new URLSearchParams({ value }).toString().slice("value=".length),
  "in JSON": JSON.stringify(value).slice(1, -1),
  "in hexadecimal": Buffer.from(value).toString("hex"),
};

async function through(chunks: readonly Buffer[], streams: readonly Duplex[]): Promise<string> {
  const shown: Buffer[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      shown.push(chunk);
      done();
    },
  });
  await pipeline([Readable.from(chunks), ...streams, sink]);
  return Buffer.concat(shown).toString("latin1");
}

const masked = (chunks: readonly Buffer[]) => through(chunks, [new Mask(() => values)]);

/** In base64, what is beside a value shares characters with it. */
function assertMasked(shown: string, before: Buffer): void {
  assert.equal(shown.length, before.length, "the length is kept");
  assert.match(shown, /^before [^*]{0,7}\*{24,}[^*]{0,4} after$/);
}

describe("what a client sees of a value in a body", () => {
  for (const [how, said] of Object.entries(forms)) {
    const body = Buffer.from(`before ${said} after`);
    it(`is asterisks where a host says it ${how}, split at every byte`, async () => {
      for (let at = 0; at <= body.length; at++)
        assertMasked(await masked([body.subarray(0, at), body.subarray(at)]), body);
    });
    it(`is asterisks where a host says it ${how}, byte by byte`, async () => {
      assertMasked(await masked([...body].map((byte) => Buffer.of(byte))), body);
    });
  }

  it("is asterisks in each of the encodings of a body", async () => {
    const body = Buffer.from(`before ${value} after`);
    for (const [coding, encoded] of [
      ["gzip", gzipSync(body)],
      ["X-GZIP", gzipSync(body)],
      ["deflate", deflateSync(body)],
      ["br", brotliCompressSync(body)],
      ["zstd", zstdCompressSync(body)],
      ["gzip, br", brotliCompressSync(gzipSync(body))],
    ] as const) {
      const headers = [
        ["Content-Encoding", coding],
        ["Content-Length", `${encoded.length}`],
        ["x", "y"],
      ] as const;
      const answer = maskResponse({ status: 200, headers, hasBody: true }, () => values);
      assert.deepEqual(answer.headers, [["x", "y"]]);
      assertMasked(await through([encoded], answer.through), body);
    }
  });

  it("is nothing where an encoding is unknown, or a part of one", () => {
    for (const [status, coding] of [
      [200, "compress"],
      [200, "gzip, gzip, gzip"],
      [200, "gzip, unknown"],
      [206, "gzip"],
    ] as const)
      assert.throws(
        () =>
          maskResponse(
            { status, headers: [["content-encoding", coding]], hasBody: true },
            () => values,
          ),
        Refusal,
      );
  });

  it("is no more than three bytes of it, however slowly it comes", async () => {
    const mask = new Mask(() => values);
    let shown = "";
    mask.on("data", (chunk: Buffer) => {
      shown += chunk.toString("latin1");
    });
    const text = Buffer.from(value).toString("latin1");
    for (const byte of Buffer.from(value)) {
      mask.write(Buffer.of(byte));
      // Longer than a little waits.
      await new Promise((resolve) => setTimeout(resolve, 45));
      assert.ok(!shown.includes(text.slice(0, 4)), shown);
    }
    mask.end(" after");
    await new Promise((resolve) => mask.once("end", resolve));
    assert.match(shown, /^.{0,3}\*+ after$/);
    assert.equal(shown.length, Buffer.byteLength(value) + 6);
  });

  it("does not hold up what only begins like one", async () => {
    const mask = new Mask(() => values);
    mask.write("data: c");
    const first = await new Promise((resolve) => mask.once("data", resolve));
    assert.equal(String(first), "data: ");
    // Nothing more comes, and it is shown all the same.
    const rest = await new Promise((resolve) => mask.once("data", resolve));
    assert.equal(String(rest), "c");
    mask.destroy();
  });
});

describe("what a client sees of a value in header fields", () => {
  for (const [how, said] of Object.entries(forms))
    it(`is a marker where a host says it ${how}`, () => {
      const wire = Buffer.from(said).toString("latin1");
      const [header] = maskHeaders([["x-echo", `before ${wire} after`]], values);
      assert.match(header?.[1] ?? "", /^before .{0,7}\[REDACTED:TOKEN\].{0,4} after$/);
    });

  it("is nothing in a name", () => {
    const plain = new SecretValues([{ name: "TOKEN", value: "plainvalue" }]);
    assert.deepEqual(maskHeaders([["x-plainvalue-y", "1"]], plain), []);
  });

  it("leaves what is no value as it is, bytes that are no text too", () => {
    const headers = [
      ["x", "caf\xe9 \xff\xfe"],
      ["Content-Length", "4242"],
    ] as const;
    const short = new SecretValues([{ name: "TOKEN", value: "4242" }]);
    assert.deepEqual(maskHeaders(headers, short), headers);
  });
});
