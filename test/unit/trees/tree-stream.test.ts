import assert from "node:assert/strict";
import { test } from "node:test";
import type { TreeItem } from "../../../src/model/tree.ts";
import { decodeScan, decodeTree } from "../../../src/trees/decode-tree.ts";
import { encodeTree } from "../../../src/trees/encode-tree.ts";
import { endRecordText, recordText } from "../../../src/trees/record.ts";
import type { TreeLimits } from "../../../src/trees/tree-checks.ts";
import {
  bytesOf,
  collect,
  directory,
  entry,
  file,
  from,
  hardlink,
  randomFrom,
  refusal,
  refusalIfAny,
  symlink,
} from "./support.ts";

const everything = (bigBytes = 2_500_000): TreeItem[] => [
  directory("", 0o750),
  directory("a"),
  file("a/ünï cödé\n", "hello", { mode: 0o4755, uid: 1000, gid: 4_294_967_295, mtimeNs: -1n }),
  file("a/sparse", [Buffer.from("x"), { holeBytes: 100_000 }, Buffer.from("y")]),
  file("", "raw", { path: "a/\xff\xfe", inode: "18446744073709551615" }),
  file("a/big", [Buffer.alloc(bigBytes, 7)]),
  file("a/empty"),
  hardlink("a/hard", "a/big"),
  symlink("a/link", "../../anywhere"),
  { entry: entry("pipe", { type: "fifo" }) },
  { entry: entry("socket", { type: "socket" }) },
  { entry: entry("tty", { type: "character_device" }) },
  { entry: entry("disk", { type: "block_device" }) },
  file("x", "attributes", {
    xattrs: new Map([
      ["user.a", Buffer.from([0, 1, 255])],
      ["user.b", Buffer.alloc(0)],
    ]),
  }),
];

async function* inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

test("a tree with every kind of entry survives, however its stream is cut", async () => {
  for (const [bigBytes, pieceBytes] of [
    [5000, 1],
    [5000, 7],
    [2_500_000, 4096],
    [2_500_000, 10_000_000],
  ] as const) {
    const sent = await collect(from(everything(bigBytes)));
    const stream = await bytesOf(encodeTree(from(everything(bigBytes))));
    assert.deepEqual(await collect(decodeTree(inPieces(stream, pieceBytes))), sent);
  }
});

test("holes travel as holes", async () => {
  const stream = await bytesOf(encodeTree(from([file("f", [{ holeBytes: 2 ** 40 }])])));
  assert.ok(stream.length < 200);
  const pieces = [];
  for await (const item of decodeTree(from([stream])))
    for await (const piece of item.content ?? []) pieces.push(piece);
  assert.deepEqual(pieces, [{ holeBytes: 2 ** 40 }]);
});

test("small entries share buffers", async () => {
  const items = Array.from({ length: 5000 }, (_, index) => file(`f${index}`, "x".repeat(100)));
  const buffers = await Array.fromAsync(encodeTree(from(items)));
  assert.ok(buffers.length < 12, `${buffers.length} buffers`);
  assert.equal((await collect(decodeTree(from(buffers)))).length, 5000);
});

test("a file that changed while it was read is known to have", async () => {
  const items = [{ ...file("a", "1"), changedWhileRead: () => true }, file("b", "2")];
  const changed: boolean[] = [];
  for await (const item of decodeTree(encodeTree(from(items)))) {
    for await (const _ of item.content ?? []);
    changed.push(item.changedWhileRead?.() ?? false);
  }
  assert.deepEqual(changed, [true, false]);
});

test("content that nobody reads, or not to its end, is skipped", async () => {
  const stream = await bytesOf(encodeTree(from(everything())));
  const paths = [];
  for await (const item of decodeTree(inPieces(stream, 1000))) {
    paths.push(item.entry.path);
    if (item.entry.path === "a/big") for await (const _ of item.content ?? []) break;
  }
  assert.equal(paths.length, everything().length);
});

test("content of another length than announced is a mistake of the encoder's caller", async () => {
  for (const size of [4, 6])
    await refusal(bytesOf(encodeTree(from([file("f", "12345", { size })]))), "internal");
});

const record = (text: string) => Buffer.from(text, "latin1");
const fileRecord = (size: number, path = "f") => `f 644 ${size} 0 0 0 0 - 0 ${path}\0\0`;
const chunk = (data: string) => `D${String.fromCharCode(0, 0, 0, data.length)}${data}`;
const done = (count: number) => endRecordText(count);
const hole = (bytes: bigint) => {
  const buffer = Buffer.alloc(9, "H");
  buffer.writeBigUInt64BE(bytes, 1);
  return buffer.toString("latin1");
};
const named = (path: string, type = "d") => `${type} 755 0 0 0 0 0 - 0 ${path}\0\0`;

test("the handwritten stream that the evil ones vary is accepted", async () => {
  const text = `${named("")}${named("d")}${fileRecord(2, "d/f")}${chunk("ab")}E\0${done(3)}`;
  assert.equal((await collect(decodeTree(from([record(text)])))).length, 3);
});

const evilStreams: ReadonlyArray<readonly [offence: string, stream: string]> = [
  ["nothing at all", ""],
  ["no end record", named("a")],
  ["half an end record", done(0).slice(0, 9)],
  ["fewer records than counted", done(1)],
  ["more records than counted", named("a") + done(0)],
  ["bytes after the end", `${done(0)}x`],
  ["an end record with a name", ". 0 0 0 0 0 0 - 0 x\0\0"],
  ["an unknown type", named("a", "x") + done(1)],
  ["an empty type", named("a", "") + done(1)],
  ["too few fields", "d 755\0\0"],
  ["a parent directory", named("..") + done(1)],
  ["a parent directory within", `${named("a")}${named("a/../b")}${done(2)}`],
  ["an absolute path", named("/etc") + done(1)],
  ["an empty component", `${named("a")}${named("a//b")}${done(2)}`],
  ["a trailing slash", `${named("a/")}${done(1)}`],
  ["a dot component", named("./a") + done(1)],
  ["a long name", named("a".repeat(256)) + done(1)],
  ["a long path", named("a/".repeat(2048)) + done(1)],
  ["an endless path", named("a".repeat(100_000))],
  ["an endless field", "9".repeat(100_000)],
  ["a negative size", `${fileRecord(-1)}E\0${done(1)}`],
  ["a size in hexadecimal", `${fileRecord(0).replace("644 0", "644 0x1")}E\0${done(1)}`],
  ["a size with a leading zero", `${fileRecord(0).replace("644 0", "644 00")}E\0${done(1)}`],
  ["a size beyond exact numbers", `f 644 9007199254740993 0 0 0 0 - 0 f\0\0`],
  ["an exponent", `f 644 1e3 0 0 0 0 - 0 f\0\0`],
  ["a mode with the file type", named("a").replace("755", "40755") + done(1)],
  ["a mode that is not octal", named("a").replace("755", "789") + done(1)],
  ["a time beyond 64 bits", named("a").replace("755 0 0", "755 0 9223372036854775808") + done(1)],
  ["a negative zero", named("a").replace("755 0 0", "755 0 -0") + done(1)],
  ["an owner beyond 32 bits", named("a").replace("755 0 0 0", "755 0 0 4294967296") + done(1)],
  ["a short digest", named("a", "f").replace(" - ", " abc ") + done(1)],
  ["a directory with a size", named("a").replace("755 0", "755 5") + done(1)],
  ["a directory with a target", `d 755 0 0 0 0 0 - 0 a\0b\0${done(1)}`],
  ["a link to nothing", named("a", "l") + done(1)],
  ["a hard link to nothing", named("a", "h") + done(1)],
  ["a hard link to something later", `h 644 0 0 0 0 0 - 0 a\0f\0${fileRecord(0)}E\0${done(2)}`],
  ["a hard link to a directory", `${named("d")}h 644 0 0 0 0 0 - 0 a\0d\0${done(2)}`],
  ["a hard link to outside", `h 644 0 0 0 0 0 - 0 a\0../f\0${done(1)}`],
  ["a hard link to itself", `h 644 0 0 0 0 0 - 0 a\0a\0${done(1)}`],
  ["a child of nothing", named("a/b") + done(1)],
  ["a child of a file", `${fileRecord(0)}E\0${named("f/x")}${done(2)}`],
  ["a child of a link", `l 777 0 0 0 0 0 - 0 a\0/etc\0${named("a/passwd", "f")}E\0${done(2)}`],
  ["one name twice", named("a") + named("a") + done(2)],
  ["a link in the place of a directory", `${named("a")}l 777 0 0 0 0 0 - 0 a\0/etc\0${done(2)}`],
  ["the tree itself late", named("a") + named("") + done(2)],
  ["something in a tree that is a file", `${fileRecord(0, "")}E\0${named("a")}${done(2)}`],
  ["an unknown chunk", `${fileRecord(1)}X`],
  ["an empty chunk", `${fileRecord(1)}D\0\0\0\0`],
  ["an oversized chunk", `${fileRecord(3_000_000)}D\0\x20\0\0`],
  ["more content than announced", `${fileRecord(1)}${chunk("ab")}E\0${done(1)}`],
  ["less content than announced", `${fileRecord(3)}${chunk("ab")}E\0${done(1)}`],
  ["content without an end", `${fileRecord(2)}${chunk("ab")}`],
  ["half a chunk", `${fileRecord(2)}${chunk("ab").slice(0, 6)}`],
  ["a hole beyond the size", `${fileRecord(2)}${hole(3n)}`],
  ["a hole of 2^64 - 1", `${fileRecord(2)}${hole(2n ** 64n - 1n)}`],
  ["an empty hole", `${fileRecord(2)}${hole(0n)}`],
  ["an unknown end", `${fileRecord(0)}E\x02${done(1)}`],
  [
    "an attribute that is not the user's",
    `f 644 0 0 0 0 0 - 1 f\0\0security.capability\x001\0xE\0${done(1)}`,
  ],
  ["an attribute twice", `f 644 0 0 0 0 0 - 2 f\0\0user.a\x001\0xuser.a\x001\0xE\0${done(1)}`],
  ["too many attributes", `f 644 0 0 0 0 0 - 65 f\0\0`],
  ["an attribute of 4 GiB", `f 644 0 0 0 0 0 - 1 f\0\0user.a\x004294967295\0`],
  ["an attribute of a negative length", `f 644 0 0 0 0 0 - 1 f\0\0user.a\x00-1\0`],
];

for (const [offence, stream] of evilStreams)
  test(`a stream with ${offence} is refused`, async () => {
    for (const pieceBytes of [1, 1_000_000])
      await refusal(
        collect(decodeTree(inPieces(record(stream), pieceBytes))),
        "guest_protocol_error",
      );
  });

test("limits of the caller end the stream before the content comes", async () => {
  const stream = [record(fileRecord(1_000_000))];
  const tooLarge = await refusal(
    collect(decodeTree(from(stream), { bytesMax: 999_999 })),
    "guest_protocol_error",
  );
  assert.match(tooLarge, /999999 bytes/);
  const many = `${named("a")}${named("b")}${done(2)}`;
  await refusal(
    collect(decodeTree(from([record(many)]), { entriesMax: 1 })),
    "guest_protocol_error",
  );
});

test("a list of paths may leave directories out, but not bring them late", async () => {
  const limits: TreeLimits = { parentsRequired: false };
  const decode = (text: string) => collect(decodeTree(from([record(text)]), limits));
  assert.equal((await decode(named("a/b/c") + named("a/b/d") + done(2))).length, 2);
  await refusal(decode(named("a/b") + named("a") + done(2)), "guest_protocol_error");
  await refusal(decode(named("a/b") + named("a", "p") + done(2)), "guest_protocol_error");
});

test("an offence is told without anything that could drive a terminal", async () => {
  const message = await refusal(
    collect(decodeTree(from([record(`${named("a\x1b]52;c;evil\x07/../\xff")}${done(1)}`)]))),
    "guest_protocol_error",
  );
  assert.match(message, /\\x1b/);
  assert.doesNotMatch(message, /[\u0000-\u001f\u007f-\u009f]/);
});

test("a sender of single bytes cannot make a large attribute cost its square", async (t) => {
  const value = Buffer.alloc(60_000, "x");
  const xattrs = new Map(Array.from({ length: 40 }, (_, index) => [`user.${index}`, value]));
  const stream = await bytesOf(
    encodeTree(from([{ entry: entry("d", { type: "directory", xattrs }) }])),
  );
  const concat = t.mock.method(Buffer, "concat");
  assert.equal((await collect(decodeTree(inPieces(stream, 8)))).length, 1);
  const copied = concat.mock.calls.reduce((sum, { result }) => sum + (result?.length ?? 0), 0);
  assert.ok(copied >= stream.length && copied < 4 * stream.length, `${copied} bytes`);
});

test("a scan is entries without content", async () => {
  const digest = "ab".repeat(32);
  const sent = [
    entry("a", { type: "directory" }),
    entry("a/f", { size: 5, digest }),
    entry("a/g", { size: 7, digest: "unchanged" }),
  ];
  const stream = record(sent.map(recordText).join("") + done(3));
  assert.deepEqual(await Array.fromAsync(decodeScan(inPieces(stream, 11))), sent);
  await refusal(
    Array.fromAsync(decodeScan(inPieces(stream.subarray(0, -1), 11))),
    "guest_protocol_error",
  );
});

/** Flips, removes, doubles or inserts a few bytes. */
function mutate(stream: Buffer, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(stream);
  for (let count = 1 + random(3); count > 0; count--) {
    const at = random(bytes.length);
    const length = 1 + random(20);
    const [before, cut, after] = [
      bytes.subarray(0, at),
      bytes.subarray(at, at + length),
      bytes.subarray(at + length),
    ];
    const inserted = Buffer.from(
      Array.from({ length }, () => "\0\xff./ DHEfdlh0179"[random(15)]).join(""),
      "latin1",
    );
    switch (random(4)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes = Buffer.concat([before, after]);
        break;
      case 2:
        bytes = Buffer.concat([before, cut, cut, after]);
        break;
      default:
        bytes = Buffer.concat([before, inserted, after]);
    }
  }
  return bytes;
}

test("10,000 mutated streams are either trees or refused by name, and no path ever leaves", async () => {
  const random = randomFrom(1);
  const small = everything().filter(({ entry: { size } }) => size < 1000);
  const stream = await bytesOf(encodeTree(from(small)));
  let refused = 0;
  for (let round = 0; round < 10_000; round++) {
    const decoding = collect(decodeTree(from([mutate(stream, random)])));
    if ((await refusalIfAny(decoding, "guest_protocol_error")) !== undefined) refused++;
    else
      for (const { entry: found } of await decoding)
        assert.ok(!found.path.startsWith("/") && !found.path.split("/").includes(".."), found.path);
  }
  assert.ok(refused > 5000, `${refused}`);
});
