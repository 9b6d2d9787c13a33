import { busyboxLayer, makeOciImage, type OciLayer } from "./oci-image.ts";
import { blob, descriptor, type TestBlob, type TestImage, types } from "./registry-image.ts";

const base = busyboxLayer([
  { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\n  app:x:1000:1000:App:/home/app\n" },
  { name: "etc/group", content: "app:x:1000\nextra:x:1300: app\n" },
  { name: "data/", type: "directory", mode: 0o755 },
  { name: "srv/", type: "directory", mode: 0o755 },
  { name: "srv/link", type: "symlink", linkname: "/data" },
  { name: "run/", type: "directory", mode: 0o775, gid: 70 },
  { name: "run/db/", type: "directory", mode: 0o2775, uid: 70, gid: 70 },
  { name: "run/db/ready", mode: 0o644, uid: 70, gid: 71, content: "from the image\n" },
  { name: "run/own/", type: "directory", mode: 0o755, uid: 1000, gid: 1000 },
  { name: "run/own/old/", type: "directory", mode: 0o755, uid: 1000, gid: 1000 },
  { name: "run/own/old/file", uid: 1000, gid: 1000, content: "old\n" },
  { name: "var/", type: "directory", mode: 0o755 },
  { name: "var/run", type: "symlink", linkname: "../run" },
]);

/** Several names of one file, and what becomes of them above. */
const twins: OciLayer = {
  packing: "tar",
  entries: ["pair", "hidden", "replaced"].flatMap((name) => [
    { name: `${name}/`, type: "directory", mode: 0o755 },
    { name: `${name}/one`, content: `${name}\n` },
    { name: `${name}/two`, type: "link", linkname: `${name}/one` },
    { name: `${name}/six`, content: "6\n" },
  ]),
};
const whiteouts: OciLayer = {
  packing: "zstd",
  entries: [
    { name: "pair/.wh.one", content: "" },
    { name: "pair/.wh.two", content: "" },
    { name: "hidden/three", content: "new\n" },
    { name: "hidden/.wh..wh..opq", content: "" },
    { name: "replaced/one", content: "new\n" },
    { name: "replaced/.wh.two", content: "" },
  ],
};
const absolute: OciLayer = {
  packing: "gzip",
  entries: [
    { name: "/opt/", type: "directory", mode: 0o755 },
    { name: "/opt/tool", content: "tool\n" },
    { name: "/opt/twin", type: "link", linkname: "/opt/tool" },
  ],
};

/** An image that is odd in all that other engines take, under indexes that are odd as well. */
export async function makeOddImage(): Promise<{
  readonly image: TestImage;
  readonly index: TestBlob;
  readonly top: TestBlob;
}> {
  const image = await makeOciImage(
    [base, twins, whiteouts, absolute, { packing: "gzip", entries: [] }],
    {
      Env: ["PATH=/bin", "PLACEHOLDER", "EMPTY=", null],
      WorkingDir: "srv/link/app/run",
      User: "app",
      Entrypoint: null,
      Labels: { big: "x".repeat(200_000) },
    },
  );
  const index = indexOf(descriptor(image.manifest));
  return { image, index, top: indexOf(descriptor(index)) };
}

function indexOf(entry: object): TestBlob {
  return blob({ schemaVersion: 2, mediaType: types.index, manifests: [entry] }, types.index);
}
