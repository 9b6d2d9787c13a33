import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseImageConfig } from "../../../../src/environments/oci/image-config.ts";
import { parseManifestOrIndex } from "../../../../src/environments/oci/manifest.ts";
import { PyroError } from "../../../../src/model/errors.ts";
import { indexOf, makeImage, types } from "../../../support/registry-image.ts";

const image = makeImage();
const other = makeImage({ seed: "other" });

const manifestChosenBy = (platforms: Parameters<typeof indexOf>[0]) => {
  const index = indexOf(platforms);
  const parsed = parseManifestOrIndex({ bytes: index.bytes, contentType: types.index });
  return parsed.kind === "index" ? parsed.manifest.digest : undefined;
};

describe("an index", () => {
  it("gives the plain linux/amd64 manifest", () => {
    const { digest } = image.manifest;
    const wrong = other.manifest;
    for (const platforms of [
      { "linux/arm64": wrong, "linux/amd64": image.manifest },
      { "linux/amd64/v3": wrong, "linux/amd64": image.manifest },
      { "windows/amd64": wrong, "unknown/unknown": wrong, "linux/amd64/v1": image.manifest },
    ])
      assert.equal(manifestChosenBy(platforms), digest);
    assert.throws(() => manifestChosenBy({ "linux/amd64/v3": wrong }), {
      code: "environment_not_found",
      message: /it has "linux\/amd64\/v3"/,
    });
  });
});

describe("a manifest", () => {
  it("may leave its type to the header, with parameters", () => {
    const { mediaType: _, ...content } = JSON.parse(image.manifest.bytes.toString("utf8"));
    const bytes = Buffer.from(JSON.stringify(content));
    const contentType = `${types.manifest.toUpperCase()}; charset=utf-8`;
    assert.equal(parseManifestOrIndex({ bytes, contentType }).kind, "manifest");
  });

  it("may be Docker's", () => {
    const text = image.manifest.bytes
      .toString("utf8")
      .replace(types.manifest, "application/vnd.docker.distribution.manifest.v2+json")
      .replace(types.config, "application/vnd.docker.container.image.v1+json")
      .replace(types.gzip, "application/vnd.docker.image.rootfs.diff.tar.gzip");
    const parsed = parseManifestOrIndex({
      bytes: Buffer.from(text),
      contentType: "application/vnd.docker.distribution.manifest.v2+json",
    });
    assert.ok(parsed.kind === "manifest");
    assert.deepEqual(
      parsed.layers.map(({ compression }) => compression),
      ["gzip", "zstd", "none"],
    );
  });
});

describe("an image config", () => {
  it("has defaults for what it leaves out", () => {
    const bare = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } };
    for (const config of [undefined, null, {}, { Env: null, Cmd: null, Labels: null, User: null }])
      assert.deepEqual(
        parseImageConfig(Buffer.from(JSON.stringify({ ...bare, config })), 0).config,
        { env: [], workingDirectory: "/", user: "", entrypoint: [], command: [], labels: {} },
      );
  });

  it("accepts the users that images name", () => {
    for (const User of ["", "0", "root", "1000:1000", "www-data:www-data", "user.name", ":5"])
      parseImageConfig(makeImage({ config: { User } }).config.bytes, 3);
    for (const User of ["a:b:c", "a:", "a\nb", "\u001b[2J", "x".repeat(257)])
      assert.throws(() => parseImageConfig(makeImage({ config: { User } }).config.bytes, 3), {
        code: "registry_lied",
      });
  });
});

describe("damaged documents", () => {
  it("end in an error of ours or a usable result, for 6,000 mutations", () => {
    let state = 1;
    const random = (below: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const pieces = [
      '"',
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "null",
      "-1",
      "1e999",
      "\\u0000",
      '"x"',
      "\\",
    ];
    const index = indexOf({ "linux/amd64": image.manifest });
    const parsers = [
      (bytes: Buffer) => parseManifestOrIndex({ bytes, contentType: types.manifest }),
      (bytes: Buffer) => parseManifestOrIndex({ bytes, contentType: types.index }),
      (bytes: Buffer) => parseImageConfig(bytes, 3),
    ] as const;
    const documents = [image.manifest.bytes, index.bytes, image.config.bytes];
    let refusals = 0;
    for (let round = 0; round < 6000; round++) {
      const kind = round % 3;
      const text = documents[kind]?.toString("latin1") ?? "";
      const at = random(text.length);
      const piece = pieces[random(pieces.length)] ?? "";
      const mutated = text.slice(0, at) + piece + text.slice(at + random(12));
      try {
        parsers[kind]?.(Buffer.from(mutated, "latin1"));
      } catch (error) {
        assert.ok(error instanceof PyroError, `${error} for ${mutated}`);
        assert.doesNotMatch(error.message, /\p{Cc}/u);
        refusals++;
      }
    }
    assert.ok(refusals > 3000, `${refusals} refusals`);
  });
});
