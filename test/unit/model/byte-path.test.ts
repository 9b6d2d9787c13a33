import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkRelativePath,
  displayPath,
  fromUtf8,
  toBuffer,
  toUtf8,
} from "../../../src/model/byte-path.ts";

test("a path keeps its bytes, whether they are UTF-8 or not", () => {
  assert.equal(toUtf8(fromUtf8("ünï/🙂")), "ünï/🙂");
  assert.equal(toUtf8("\xff"), undefined);
  assert.deepEqual(toBuffer("a\xff"), Buffer.from([0x61, 0xff]));
});

test("a path is shown as text, with foreign bytes and controls made visible", () => {
  assert.equal(displayPath(""), ".");
  assert.equal(displayPath(fromUtf8("ünï")), "ünï");
  assert.equal(displayPath("a\xff\xc3"), "a\\xff\\xc3");
  assert.equal(displayPath(fromUtf8("a\x1b[31m\u202eb\n")), "a\\x1b[31m\\u202eb\\n");
  assert.equal(displayPath("x".repeat(500)).length, 201);
});

test("a relative path follows every rule of the protocol", () => {
  for (const path of [
    "",
    "a",
    "a/b",
    "...",
    "..a",
    ".git",
    "a/.b",
    "\xff",
    "a".repeat(255),
    `${"a/".repeat(999)}a`,
  ])
    assert.equal(checkRelativePath(path), undefined, path);
  const broken = [
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/..",
    "./a",
    "a/./b",
    "a\0",
    "a".repeat(256),
    `${"a/".repeat(1000)}a`,
    "a/".repeat(2048),
  ];
  for (const path of broken) assert.notEqual(checkRelativePath(path), undefined, path);
});
