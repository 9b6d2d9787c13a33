import { readFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { blob, manifestOf, sha256, type TestImage, types } from "./registry-image.ts";

/** One entry of a layer; content makes it a file. */
export type LayerEntry = Omit<Partial<Header>, "size"> & { readonly content?: string | Buffer };

export interface OciLayer {
  readonly entries: readonly LayerEntry[];
  readonly packing: "tar" | "gzip" | "zstd";
}

/** An image with real layers. `config` is what its author asks for: Env, User, WorkingDir. */
export async function makeOciImage(
  layers: readonly OciLayer[],
  config: object = {},
): Promise<TestImage> {
  const tars = await Promise.all(layers.map(({ entries }) => packEntries(entries)));
  const diffIds = tars.map(sha256);
  const configBlob = blob(
    { architecture: "amd64", os: "linux", config, rootfs: { type: "layers", diff_ids: diffIds } },
    types.config,
  );
  const blobs = tars.map((tar, index) => compress(tar, layers[index]?.packing ?? "tar"));
  return { manifest: manifestOf(configBlob, blobs), config: configBlob, layers: blobs, diffIds };
}

/** A layer with a shell, and the directories a guest expects of one. */
export function busyboxLayer(more: readonly LayerEntry[] = []): OciLayer {
  const applets = ["sh", "cat", "echo", "id", "ls", "mv", "pwd", "stat", "true", "wc"];
  return {
    packing: "gzip",
    entries: [
      { name: "bin/", type: "directory", mode: 0o755 },
      { name: "bin/busybox", mode: 0o755, content: readFileSync(findBusybox()) },
      ...applets.map(
        (name): LayerEntry => ({ name: `bin/${name}`, type: "symlink", linkname: "busybox" }),
      ),
      ...more,
    ],
  };
}

function findBusybox(): string {
  const found = ["/bin/busybox", "/usr/bin/busybox"].find((path) => {
    try {
      return readFileSync(path).length > 0;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new TypeError("busybox-static is not installed; run make setup");
  return found;
}

async function packEntries(entries: readonly LayerEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries)
    tar.entry({ mtime: new Date(0), ...header } as Header, content ?? "");
  tar.finalize();
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>));
}

function compress(tar: Buffer, packing: OciLayer["packing"]) {
  if (packing === "gzip") return blob(gzipSync(tar), types.gzip);
  return packing === "zstd" ? blob(zstdCompressSync(tar), types.zstd) : blob(tar, types.tar);
}
