import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { buildCpio } from "../../../src/environments/boot/cpio.ts";
import { unpackLegacyLz4 } from "../../../src/environments/boot/lz4.ts";
import {
  loadOrder,
  moduleDependencies,
  moduleName,
  planOnDemand,
} from "../../../src/environments/boot/modules.ts";
import { extractVmlinux } from "../../../src/environments/boot/vmlinux.ts";
import { PyroError } from "../../../src/model/errors.ts";

const refuses = (work: () => unknown, pattern: RegExp) =>
  assert.throws(
    work,
    (error: unknown) =>
      error instanceof PyroError &&
      error.code === "environment_build_failed" &&
      pattern.test(error.message),
  );

/** One block of LZ4 by hand: literals, then matches given as [distance, length]. */
function block(literals: string, match?: { distance: number; length: number }, tail = ""): Buffer {
  assert.ok(literals.length < 15 && tail.length < 15);
  const parts = match
    ? [
        [(literals.length << 4) | Math.min(15, match.length - 4)],
        [...Buffer.from(literals)],
        [match.distance & 255, match.distance >> 8],
        match.length - 4 >= 15 ? [match.length - 19] : [],
        [tail.length << 4],
        [...Buffer.from(tail)],
      ]
    : [[literals.length << 4], [...Buffer.from(literals)]];
  return Buffer.from(parts.flat());
}

function legacy(...blocks: Buffer[]): Buffer {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(0x184c2102);
  return Buffer.concat([
    magic,
    ...blocks.flatMap((one) => [Buffer.from(new Uint32Array([one.length]).buffer), one]),
  ]);
}

test("LZ4 blocks unpack: literals, matches, overlapping matches, several blocks", () => {
  assert.equal(String(unpackLegacyLz4(legacy(block("hello")), 100)), "hello");
  assert.equal(
    String(unpackLegacyLz4(legacy(block("abcd", { distance: 4, length: 4 }, "!")), 100)),
    "abcdabcd!",
  );
  assert.equal(
    String(unpackLegacyLz4(legacy(block("ab", { distance: 2, length: 21 }, "")), 100)),
    `ab${"ab".repeat(11)}`.slice(0, 23),
  );
  assert.equal(String(unpackLegacyLz4(legacy(block("one"), block("two")), 100)), "onetwo");
});

test("damaged LZ4 is refused, never read or written out of bounds", () => {
  refuses(() => unpackLegacyLz4(Buffer.from("nope nope"), 10), /no LZ4 magic/);
  refuses(() => unpackLegacyLz4(legacy(block("hello")), 3), /leave the block/);
  refuses(
    () => unpackLegacyLz4(legacy(block("ab", { distance: 9, length: 4 }, "")), 100),
    /leaves the output/,
  );
  for (let round = 0; round < 2000; round++) {
    try {
      assert.ok(unpackLegacyLz4(legacy(randomBytes(1 + (round % 60))), 4096).length <= 4096);
    } catch (error) {
      assert.ok(error instanceof PyroError, String(error));
    }
  }
});

test("what is not a kernel is refused", () => {
  refuses(() => extractVmlinux(Buffer.alloc(100)), /not an x86 bzImage/);
  const image = Buffer.alloc(4096);
  image.write("HdrS", 0x202, "latin1");
  image.writeUInt32LE(16, 0x24c);
  refuses(() => extractVmlinux(image), /compressed in an unknown way/);
});

test("modules come after what they depend on", () => {
  const module = (depends: string) => Buffer.from(`junk\0license=GPL\0depends=${depends}\0more`);
  assert.deepEqual(moduleDependencies(module("virtio,virtio-ring")), ["virtio", "virtio_ring"]);
  assert.equal(moduleName("./lib/modules/6.1/kernel/virtio-mmio.ko"), "virtio_mmio");
  const available = new Map([
    ["virtio_mmio", module("virtio_ring,virtio")],
    ["virtio_blk", module("virtio")],
    ["virtio_console", module("")],
    ["overlay", module("")],
    ["virtio", module("virtio_ring")],
    ["virtio_ring", module("")],
  ]);
  assert.deepEqual(loadOrder(available), [
    "virtio_ring",
    "virtio",
    "virtio_mmio",
    "virtio_blk",
    "virtio_console",
    "overlay",
  ]);
  available.delete("virtio");
  refuses(() => loadOrder(available), /no module "virtio", which "virtio_mmio" needs/);
});

test("modules that are loaded on demand name what they need beside those that are loaded already", () => {
  const module = (text: string) => Buffer.from(`\0${text.replaceAll(" ", "\0")}\0`);
  const available = new Map([
    ["bridge", module("alias=rtnl-link-bridge depends=stp,llc alias=two\twords")],
    ["llc", module("depends=")],
    ["stp", module("depends=llc")],
    ["br_netfilter", module("depends=bridge,nf_tables")],
    ["nf_tables", module("depends=")],
    ["unwanted", module("depends=")],
  ]);
  assert.deepEqual(planOnDemand(available, ["nf_tables"]), [
    { name: "llc", needs: [], aliases: [] },
    { name: "stp", needs: ["llc"], aliases: [] },
    { name: "bridge", needs: ["llc", "stp"], aliases: ["rtnl-link-bridge"] },
    { name: "br_netfilter", needs: ["llc", "stp", "bridge"], aliases: [] },
  ]);
});

test("cpio reads the archive back as it was written", () => {
  const archive = buildCpio([
    { name: "dev", mode: 0o040755 },
    { name: "init", mode: 0o100755, content: Buffer.from("#!\n") },
    { name: "lib/x", mode: 0o100644, content: Buffer.alloc(4097) },
  ]);
  const listing = execFileSync("cpio", ["--list", "--verbose", "--numeric-uid-gid", "--quiet"], {
    input: archive,
    encoding: "utf8",
  });
  assert.match(listing, /^drwxr-xr-x .* dev$/m);
  assert.match(listing, /^-rwxr-xr-x .* 3 .* init$/m);
  assert.match(listing, /^-rw-r--r-- .* 4097 .* lib\/x$/m);
});
