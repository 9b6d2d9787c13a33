import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  blob,
  descriptor,
  indexOf,
  makeImage,
  manifestOf,
  type TestBlob,
  types,
} from "../../support/registry-image.ts";
import { failureOf, pullFrom, temporaryDirectory } from "../../support/registry-pull.ts";
import { RegistryStub, sendDocument } from "../../support/registry-stub.ts";

const image = makeImage();
const honest = JSON.parse(image.manifest.bytes.toString("utf8"));
const [firstLayer] = honest.layers;
const digest = image.config.digest;
const hex = digest.slice(7);
const index = indexOf({ "linux/amd64": image.manifest });
const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
const schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

const manifest = (changes: object) => blob({ ...honest, ...changes }, types.manifest);
const withLayer = (changes: object) => manifest({ layers: [{ ...firstLayer, ...changes }] });
const raw = (text: string, mediaType: string = types.manifest) =>
  blob(Buffer.from(text), mediaType);
const as = (document: TestBlob, mediaType: string): TestBlob => ({ ...document, mediaType });
const indexEntry = (changes: object) =>
  blob(
    {
      schemaVersion: 2,
      mediaType: types.index,
      manifests: [
        {
          ...descriptor(image.manifest),
          platform: { os: "linux", architecture: "amd64" },
          ...changes,
        },
      ],
    },
    types.index,
  );

/** Documents by what is wrong with them, and what the error has to say. */
const evil: Readonly<Record<string, readonly [document: TestBlob, expected: RegExp]>> = {
  "manifest and index in one": [manifest({ manifests: [] }), /manifest and an index at once/],
  "index and manifest in one": [
    blob({ ...JSON.parse(index.bytes.toString()), layers: honest.layers }, types.index),
    /manifest and an index at once/,
  ],
  "index with a config": [
    blob({ ...JSON.parse(index.bytes.toString()), config: honest.config }, types.index),
    /manifest and an index at once/,
  ],
  "index served as a manifest": [as(index, types.manifest), /served as .* but calls itself/],
  "manifest served as an index": [as(image.manifest, types.index), /served as .* but calls itself/],
  "OCI manifest served as Docker's": [as(image.manifest, dockerManifest), /calls itself/],
  "mediaType that is not text": [manifest({ mediaType: [types.manifest] }), /calls itself/],
  "unknown type": [
    blob({ ...honest, mediaType: "text/html" }, "text/html"),
    /type "text\/html", which is no image/,
  ],
  "schema 1 by type": [as(raw('{"schemaVersion":1}'), schema1), /schema 1/],
  "schema 1 by version": [manifest({ schemaVersion: 1 }), /schema 1/],
  "schema 1 by fields": [manifest({ fsLayers: [] }), /schema 1/],
  "schemaVersion as text": [manifest({ schemaVersion: "2" }), /schemaVersion "\\?"2/],
  "no JSON": [raw("<html>\u001b]52;c;aGk=\u0007"), /not JSON; it starts with "<html>\\x1b\]52/],
  "an array": [raw("[]"), /not a JSON object/],
  null: [raw("null"), /not a JSON object/],
  "invalid UTF-8": [blob(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), types.manifest), /not JSON/],
  "deep nesting": [raw(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), /nests deeper/],
  "index to an index under a manifest's type": [
    indexEntry(descriptor(as(index, types.manifest))),
    /served as .* its index promises|another|calls itself/,
  ],
  "index to a config": [indexEntry({ mediaType: types.config }), /no manifest/],
  "index with a wrong size": [indexEntry({ size: 5 }), /bytes where its index promises 5/],
  "index with a number as digest": [indexEntry({ digest: 5 }), /digest of .* is a number/],
  "index without a list": [
    indexEntry({}).bytes.length ? raw('{"schemaVersion":2,"manifests":{}}', types.index) : index,
    /no list/,
  ],
  "platform that cannot be text": [
    indexEntry({ platform: { os: { toString: 1 }, architecture: [] } }),
    /no variant for linux\/amd64/,
  ],
  "path in a digest": [withLayer({ digest: "sha256:../../../../etc/passwd" }), /digest of layer 1/],
  "short digest": [withLayer({ digest: `sha256:${hex.slice(1)}` }), /digest of layer 1/],
  "long digest": [withLayer({ digest: `sha256:${hex}0` }), /digest of layer 1/],
  "upper-case digest": [withLayer({ digest: `sha256:${hex.toUpperCase()}` }), /digest of layer 1/],
  "digest with a newline": [withLayer({ digest: `${digest}\n` }), /digest of layer 1/],
  "sha512 digest": [withLayer({ digest: `sha512:${hex}${hex}` }), /digest of layer 1/],
  "md5 digest": [
    withLayer({ digest: "md5:d41d8cd98f00b204e9800998ecf8427e" }),
    /digest of layer 1/,
  ],
  "bare hexadecimal digest": [withLayer({ digest: hex }), /digest of layer 1/],
  "no digest": [withLayer({ digest: undefined }), /digest of layer 1/],
  "negative size": [withLayer({ size: -1 }), /size/],
  "fractional size": [withLayer({ size: 1.5 }), /size/],
  "size as text": [withLayer({ size: "10" }), /size/],
  "two sizes for one digest": [
    manifest({ layers: [firstLayer, { ...firstLayer, size: 7 }] }),
    /two sizes/,
  ],
  "no layers": [manifest({ layers: undefined }), /no list of layers/],
  "layers as an object": [manifest({ layers: { length: 1 } }), /no list of layers/],
  "null layer": [manifest({ layers: [null] }), /no descriptor for layer 1/],
  "no config": [manifest({ config: undefined }), /no descriptor for the config/],
  "artifact instead of an image": [
    manifest({
      config: { ...honest.config, mediaType: "application/vnd.cncf.helm.config.v1+json" },
    }),
    /not of a container image.*helm/,
  ],
  "foreign layer": [
    withLayer({
      mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      urls: ["http://127.0.0.1/layer"],
    }),
    /foreign/,
  ],
  "nondistributable layer": [
    withLayer({ mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" }),
    /foreign/,
  ],
  "encrypted layer": [
    withLayer({ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted" }),
    /encrypted/,
  ],
  "unknown layer type": [withLayer({ mediaType: "application/x-bzip2" }), /does not know/],
};

describe("a registry that serves evil manifests", { timeout: 25_000 }, () => {
  for (const [name, [document, expected]] of Object.entries(evil))
    it(`is refused: ${name}`, async (test) => {
      await using stub = await RegistryStub.start({
        handler: (request, response) => {
          if (!request.url?.endsWith("/manifests/v1")) return false;
          sendDocument(response, document);
          return true;
        },
      });
      stub.offer(image, index);
      // The index is also offered as what an evil one calls a manifest.
      const directory = await temporaryDirectory(test);
      const failure = await failureOf(pullFrom(stub, join(directory, "cache")));
      assert.ok(["registry_lied", "environment_not_found"].includes(failure.code), failure.code);
      assert.match(failure.message, expected);
      assert.ok(failure.hint);
      assert.doesNotMatch(failure.message, /\p{Cc}/u);
      assert.deepEqual(stub.paths(/\/blobs\//), []);
      assert.deepEqual(await readdir(directory, { recursive: true }).then(onlyFiles), []);
    });

  it("is refused when the manifest has no type at all", async (test) => {
    await using stub = await RegistryStub.start({
      handler: (request, response) => {
        if (!request.url?.endsWith("/manifests/v1")) return false;
        response.end(image.manifest.bytes);
        return true;
      },
    });
    const failure = await failureOf(pullFrom(stub, await temporaryDirectory(test)));
    assert.equal(failure.code, "registry_lied");
  });

  it("never sends pyro to the URLs of a layer", async (test) => {
    await using canary = await RegistryStub.start();
    await using stub = await RegistryStub.start();
    const layers = image.layers.map((layer) => ({
      ...descriptor(layer),
      urls: [`http://${canary.host}/layer`],
    }));
    stub.offer({ ...image, manifest: manifestOf(image.config, image.layers, { layers }) });
    await pullFrom(stub, join(await temporaryDirectory(test), "cache"));
    assert.deepEqual(canary.requests, []);
  });
});

describe("a registry that serves evil configs", { timeout: 25_000 }, () => {
  const config = JSON.parse(image.config.bytes.toString("utf8"));
  const evilConfigs: Readonly<Record<string, readonly [config: object, expected: RegExp]>> = {
    "too few diff ids": [
      { ...config, rootfs: { ...config.rootfs, diff_ids: config.rootfs.diff_ids.slice(1) } },
      /lists 2 layers, but the manifest 3/,
    ],
    "a path as diff id": [
      { ...config, rootfs: { type: "layers", diff_ids: ["../x", "../x", "../x"] } },
      /digest of unpacked layer 1/,
    ],
    "no rootfs": [{ ...config, rootfs: undefined }, /does not list its layers/],
    "another architecture": [{ ...config, architecture: "arm64" }, /for "linux\/arm64"/],
    "another system": [{ ...config, os: "windows" }, /for "windows\/amd64"/],
    "a variable with NUL": [
      { ...config, config: { Env: ["A=b\0c"] } },
      /no usable text: "A=b\\x00c"/,
    ],
    "a number as variable": [{ ...config, config: { Env: [5] } }, /Env that is not text/],
    "a variable of 1 MiB": [{ ...config, config: { Env: [`A=${"x".repeat(1 << 20)}`] } }, /131072/],
    "2000 variables": [{ ...config, config: { Env: Array(2000).fill("A=b") } }, /2000 entries/],
    "a directory of 5000 bytes": [
      { ...config, config: { WorkingDir: `/${"x".repeat(5000)}` } },
      /working directory/,
    ],
    "a user with spaces": [{ ...config, config: { User: "a b" } }, /user "a b"/],
    "a lone surrogate": [{ ...config, config: { Cmd: ["\ud800"] } }, /no usable text/],
    "a list as config": [{ ...config, config: [] }, /not an object/],
  };
  for (const [name, [content, expected]] of Object.entries(evilConfigs))
    it(`is refused: ${name}`, async (test) => {
      const evilConfig = blob(content, types.config);
      await using stub = await RegistryStub.start();
      stub.offer({ ...image, config: evilConfig, manifest: manifestOf(evilConfig, image.layers) });
      const failure = await failureOf(
        pullFrom(stub, join(await temporaryDirectory(test), "cache")),
      );
      assert.equal(failure.code, "registry_lied");
      assert.match(failure.message, expected);
      assert.doesNotMatch(failure.message, /\p{Cc}/u);
      assert.equal(stub.paths(/\/blobs\//).length, 1, "only the config is fetched");
    });

  it("cannot reach prototypes through keys", async (test) => {
    const asked = JSON.parse(
      '{"__proto__":{"User":"evil"},"constructor":"y","Env":["__proto__=z"]}',
    );
    const config = makeImage({ config: asked });
    await using stub = await RegistryStub.start();
    stub.offer(config);
    const pulled = await pullFrom(stub, join(await temporaryDirectory(test), "cache"));
    assert.deepEqual([pulled.config.user, pulled.config.env], ["", ["__proto__=z"]]);
    assert.equal(Object.getPrototypeOf(pulled.config), Object.prototype);
  });
});

function onlyFiles(names: readonly string[]): readonly string[] {
  return names.filter(
    (name) => !["cache", "cache/blobs", "cache/blobs/sha256", "cache/blobs/locks"].includes(name),
  );
}
