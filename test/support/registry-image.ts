import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Digest } from "../../src/environments/oci/digest.ts";

/** Bytes under their digest, as a registry keeps them. */
export interface TestBlob {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
}

export interface TestImage {
  readonly manifest: TestBlob;
  readonly config: TestBlob;
  readonly layers: readonly TestBlob[];
  /** Digests of the unpacked layers. */
  readonly diffIds: readonly Digest[];
}

export const types = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  tar: "application/vnd.oci.image.layer.v1.tar",
  gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
} as const;

export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function blob(content: Buffer | object, mediaType: string): TestBlob {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  return { bytes, digest: sha256(bytes), mediaType };
}

export function descriptor({ bytes, digest, mediaType }: TestBlob) {
  return { mediaType, digest, size: bytes.length };
}

/** A tar of one file; enough for what is never unpacked here. */
export function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0ustar\0", 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}

/** Bytes that do not compress and are the same in every run. */
export function noise(length: number, seed: string): Buffer {
  const parts: Buffer[] = [];
  for (let index = 0; index * 32 < length; index++)
    parts.push(createHash("sha256").update(`${seed}/${index}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

export interface TestImageOptions {
  /** Bytes of the file in each layer. Default: 5000 each of gzip, zstd and none. */
  readonly layers?: ReadonlyArray<{
    readonly size: number;
    readonly packing: "tar" | "gzip" | "zstd";
  }>;
  readonly architecture?: string;
  /** Fields of the config's inner `config` object. */
  readonly config?: object;
  /** Makes the layers differ from those of other images. */
  readonly seed?: string;
}

const defaultLayers = (["gzip", "zstd", "tar"] as const).map((packing) => ({
  size: 5000,
  packing,
}));

export const defaultConfig = {
  Env: ["PATH=/usr/bin:/bin", "GREETING=hello=world"],
  WorkingDir: "/srv",
  User: "1000:1000",
  Entrypoint: ["/bin/sh", "-c"],
  Cmd: ["true"],
  Labels: { "org.example.title": "test" },
};

/** Makes an image in memory. */
export function makeImage(options: TestImageOptions = {}): TestImage {
  const seed = options.seed ?? "layer";
  const tars = (options.layers ?? defaultLayers).map(({ size, packing }, index) => {
    const tar = tarOf(`file-${index}`, noise(size, `${seed}-${index}`));
    return { tar, packing };
  });
  const pack = { tar: (tar: Buffer) => tar, gzip: gzipSync, zstd: zstdCompressSync };
  const layers = tars.map(({ tar, packing }) => blob(pack[packing](tar), types[packing]));
  const diffIds = tars.map(({ tar }) => sha256(tar));
  const config = blob(
    {
      architecture: options.architecture ?? "amd64",
      os: "linux",
      config: options.config ?? defaultConfig,
      rootfs: { type: "layers", diff_ids: diffIds },
    },
    types.config,
  );
  return { manifest: manifestOf(config, layers), config, layers, diffIds };
}

export function manifestOf(config: TestBlob, layers: readonly TestBlob[], extra = {}): TestBlob {
  const content = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptor(config),
    layers: layers.map(descriptor),
    ...extra,
  };
  return blob(content, types.manifest);
}

/** An index of images by `os/architecture`. */
export function indexOf(images: Readonly<Record<string, TestBlob>>): TestBlob {
  const manifests = Object.entries(images).map(([name, manifest]) => {
    const [os, architecture, variant] = name.split("/");
    const platform = { os, architecture, ...(variant && { variant }) };
    // skopeo writes this note itself where it is missing, unless it must keep digests: then it refuses the index.
    const annotations = { "io.github.containers.compression.zstd": "true" };
    const isZstd = manifest.bytes.includes(types.zstd);
    return { ...descriptor(manifest), platform, ...(isZstd && { annotations }) };
  });
  return blob({ schemaVersion: 2, mediaType: types.index, manifests }, types.index);
}

/** Writes an OCI layout that skopeo reads as `oci:<directory>:<tag>`. */
export async function writeLayout(
  directory: string,
  tag: string,
  content: { readonly top: TestBlob; readonly images: readonly TestImage[] },
): Promise<void> {
  const blobs = join(directory, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const parts = content.images.flatMap((image) => [image.manifest, image.config, ...image.layers]);
  for (const { digest, bytes } of [content.top, ...parts])
    await writeFile(join(blobs, digest.slice("sha256:".length)), bytes);
  const named = {
    ...descriptor(content.top),
    annotations: { "org.opencontainers.image.ref.name": tag },
  };
  await writeFile(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(directory, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [named] }),
  );
}
