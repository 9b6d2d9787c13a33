import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseImageConfig } from "../../../../src/environments/oci/image-config.ts";
import { parseManifestOrIndex } from "../../../../src/environments/oci/manifest.ts";
import { PyroError } from "../../../../src/model/errors.ts";
import { indexOf, makeImage, types } from "../../../support/registry-image.ts";

const image = makeImage();
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
      parsed.layers.map(({ digest }) => digest),
      image.layers.map(({ digest }) => digest),
    );
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
