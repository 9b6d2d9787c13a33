import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { LayerEntry, OciLayer } from "./oci-image.ts";

/** Type and size of the property of an ELF file that says which levels of x86-64 it needs. */
const isaNeeded = Buffer.from("028000c004000000", "hex");
const levelV3 = 1 << 2;

/** A layer with a shell of this host, whose C library says that it needs x86-64-v3: its loader takes it on no lesser CPU. */
export function glibcV3Layer(): OciLayer {
  const shell = execFileSync("readlink", ["-f", "/bin/sh"], { encoding: "utf8" }).trim();
  const linked = execFileSync("ldd", [shell], { encoding: "utf8" });
  const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
  const file = (path: string, content: Buffer): LayerEntry => ({
    name: path.slice(1),
    mode: 0o755,
    content,
  });
  return {
    packing: "zstd",
    entries: [
      file("/bin/sh", readFileSync(shell)),
      ...libraries.map((path) => file(path, marked(path, readFileSync(path)))),
    ],
  };
}

function marked(path: string, content: Buffer): Buffer {
  const at = content.indexOf(isaNeeded);
  if (at >= 0) content.writeUInt32LE(levelV3, at + isaNeeded.length);
  else if (path.includes("/libc.so")) throw new TypeError(`${path} does not say what it needs`);
  return content;
}
