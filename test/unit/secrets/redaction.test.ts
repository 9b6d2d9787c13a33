import assert from "node:assert/strict";
import { test } from "node:test";
import { Redaction, SecretValues } from "../../../src/secrets/redaction.ts";

const value = "canary-S3cret/+value==?&42 ü";
const marker = "[REDACTED:TOKEN]";
const values = new SecretValues([{ name: "TOKEN", value }]);

/** Whatever `chunks` are, one after the other, and the end. */
function redacted(chunks: readonly (string | Buffer)[], from: SecretValues = values): string {
  const redaction = new Redaction(() => from);
  const shown = chunks.map((chunk) => redaction.push(Buffer.from(chunk)));
  return Buffer.concat([...shown, redaction.release()]).toString();
}

test("a value is taken out wherever a stream is cut", () => {
  const output = Buffer.from(`before ${value} after`);
  for (let at = 0; at <= output.length; at++)
    for (let then = at; then <= output.length; then += 5)
      assert.equal(
        redacted([output.subarray(0, at), output.subarray(at, then), output.subarray(then)]),
        `before ${marker} after`,
      );
  assert.equal(redacted([...output].map((byte) => Buffer.of(byte))), `before ${marker} after`);
});

test("a value is taken out in base64 at each alignment, in both alphabets", () => {
  for (const before of ["", "a", "ab", "user:"])
    for (const after of ["", "z", "zz"])
      for (const encoding of ["base64", "base64url"] as const) {
        const encoded = Buffer.from(before + value + after).toString(encoding);
        const shown = redacted([encoded]);
        assert.ok(shown.includes(marker), shown);
        // At most the characters that hold bits of what stands around it, and the padding, are left.
        assert.ok(shown.length <= marker.length + before.length * 2 + 8, shown);
      }
});

test("a value is taken out in hexadecimal, as part of a URL and as part of JSON", () => {
  const forms = [
    Buffer.from(value).toString("hex"),
    Buffer.from(value).toString("hex").toUpperCase(),
    encodeURIComponent(value),
    encodeURIComponent(value).toLowerCase().replace("canary-s3", "canary-S3"),
    encodeURI(value),
    new URLSearchParams({ q: value }).toString().slice(2),
    JSON.stringify(value).slice(1, -1),
    String.raw`canary-S3cret/+value==?&42 \u00fc`,
    String.raw`canary-S3cret/+value==?\u002642 ü`,
    [...Buffer.from(value)]
      .map((byte) => `%${byte.toString(16).padStart(2, "0").toUpperCase()}`)
      .join(""),
  ];
  for (const form of forms) assert.equal(redacted([`x=${form};`]), `x=${marker};`, form);
});

test("a value is taken out when it is printed over several lines", () => {
  assert.equal(redacted([value.replace(/(.{5})/g, "$1\n")]), marker);
  assert.equal(redacted([value.replace(/(.{3})/g, "$1\r\n")]), marker);
  const wrapped = Buffer.from(value.repeat(4))
    .toString("base64")
    .replace(/(.{16})/g, "$1\n");
  assert.match(redacted([wrapped]), /^(\[REDACTED:TOKEN\].{0,3}\n?)+$/s);
  const key = new SecretValues([
    {
      name: "KEY",
      value:
        "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSjAgEAAo\n-----END KEY-----\n",
    },
  ]);
  const onTerminal =
    "-----BEGIN KEY-----\r\nMIIEvQIBADANBgkqhkiG9w0\r\nBAQEFAASCBKcwggSjAgEAAo\r\n-----END KEY-----\r\n$ ";
  assert.equal(redacted([onTerminal], key), "[REDACTED:KEY]\r\n$ ");
  const asDiff = "+-----BEGIN KEY-----\n+MIIEvQIBADANBgkqhkiG9w0\n+BAQEFAASCBKcwggSjAgEAAo\n";
  assert.equal(redacted([asDiff], key), "+-----BEGIN KEY-----\n+[REDACTED:KEY]\n+[REDACTED:KEY]\n");
});

test("of values that begin alike the longest counts, and what is none stays", () => {
  const both = new SecretValues([
    { name: "SHORT", value: "abcd" },
    { name: "LONG", value: "abcdefgh" },
  ]);
  assert.equal(redacted(["abcdefgh"], both), "[REDACTED:LONG]");
  assert.equal(redacted(["abcdefg"], both), "[REDACTED:SHORT]efg");
  assert.equal(redacted(["abc", "d", "efg", "h!"], both), "[REDACTED:LONG]!");
  assert.equal(redacted(["abcabcd abc"], both), "abc[REDACTED:SHORT] abc");
  assert.equal(redacted(["abcdabcd"], both), "[REDACTED:SHORT][REDACTED:SHORT]");
});

test("only what could begin a value is held back, and is looked at with what follows it", () => {
  const redaction = new Redaction(() => values);
  assert.equal(redaction.push(Buffer.from("Password: ")).toString(), "Password: ");
  assert.equal(redaction.push(Buffer.from("a cana")).toString(), "a ");
  assert.equal(redaction.heldBytes, 4);
  assert.equal(redaction.push(Buffer.from("ry bird")).toString(), "canary bird");
  assert.equal(redaction.push(Buffer.from("canary-S3")).toString(), "");
  assert.equal(redaction.release().toString(), "canary-S3");
  assert.equal(redaction.push(Buffer.from(value.slice(9))).toString(), marker);
  assert.equal(
    redaction.push(Buffer.from(`c${"\n".repeat(100)}`)).toString(),
    `c${"\n".repeat(100)}`,
  );
});

test("a value without end takes neither memory nor time", () => {
  const periodic = new SecretValues([{ name: "A", value: "a".repeat(60_000) }]);
  const redaction = new Redaction(() => periodic);
  const chunk = Buffer.alloc(65_536, "a");
  const shown: string[] = [];
  for (let count = 0; count < 200; count++) {
    shown.push(redaction.push(chunk).toString());
    assert.ok(redaction.heldBytes <= 60_000);
  }
  assert.equal(shown.join("") + redaction.release().toString(), "[REDACTED:A]");
});

test("what becomes a secret while output flows is one from then on", () => {
  let current = new SecretValues([]);
  const redaction = new Redaction(() => current);
  assert.equal(redaction.push(Buffer.from(value)).toString(), value);
  current = values;
  assert.equal(redaction.push(Buffer.from(`${value}.`)).toString(), `${marker}.`);
});

test("however a stream is cut, as much is taken out, and no value is left", () => {
  let state = 7;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  const letters = (count: number) => Array.from({ length: count }, () => "ab"[random(2)]).join("");
  for (let round = 0; round < 3_000; round++) {
    const secrets = Array.from({ length: 1 + random(3) }, (_, index) => ({
      name: `S${index}`,
      value: letters(4 + random(4)),
    }));
    const from = new SecretValues(secrets);
    const text = Array.from({ length: random(40) }, () =>
      random(9) === 0 ? "\n" : letters(1),
    ).join("");
    const whole = redacted([text], from);
    const pieces = text.match(new RegExp(`[^]{1,${1 + random(5)}}`, "g")) ?? [];
    const anonymous = (shown: string) => shown.replace(/\[REDACTED:S\d\]/g, "[R]");
    assert.equal(
      anonymous(redacted(pieces, from)),
      anonymous(whole),
      JSON.stringify({ secrets, text }),
    );
    for (const part of anonymous(whole).split("[R]"))
      for (const secret of secrets) assert.ok(!part.replaceAll("\n", "").includes(secret.value));
  }
});

test("a document of JSON is redacted however its texts are escaped, and anything else as it is", () => {
  const escaped = [...value].map(
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  assert.equal(values.redactDocument(`{"a":"x${escaped.join("")}"}`), `{"a":"x${marker}"}`);
  assert.equal(values.redactDocument(`{ ${value}`), `{ ${marker}`);
});

test("texts in JSON are redacted, and its shape stays", () => {
  assert.deepEqual(values.redactJson({ a: [`x${value}`, 1, null], b: { c: true } }), {
    a: [`x${marker}`, 1, null],
    b: { c: true },
  });
});

test("a text is redacted as what it follows, whatever of a value stands there", () => {
  for (let at = 0; at <= value.length; at++) {
    const [before, text] = [value.slice(0, at), `${value.slice(at)} after`];
    const shown = at < value.length ? `${marker} after` : " after";
    assert.equal(values.redactAfter(`before ${before}`, text), shown);
  }
  assert.equal(values.redactAfter("a cana", "ry bird"), "ry bird");
  assert.equal(values.redactAfter(value, ""), "");
  assert.equal(values.redactAfter("", value), marker);
});

test("a text that may end within a value tells how much of it", () => {
  for (let at = 0; at < value.length; at++) {
    const begun = value.slice(0, at);
    assert.equal(values.begunBytes(`${"x".repeat(9_999)}.${begun}`), Buffer.byteLength(begun));
  }
  assert.equal(values.begunBytes("nothing of it."), 0);
  assert.equal(new SecretValues([]).begunBytes("canary"), 0);
});
