import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import {
  blob,
  descriptor,
  makeImage,
  type TestBlob,
  types,
} from "../../../support/registry-image.ts";
import { failureOf, pullFrom, temporaryDirectory } from "../../../support/registry-pull.ts";
import { RegistryStub } from "../../../support/registry-stub.ts";

const image = makeImage();
const arm = makeImage({ architecture: "arm64", seed: "arm" });

const on = (platform: string) => {
  const [os, architecture, variant] = platform.split("/");
  return { platform: { os, architecture, ...(variant && { variant }) } };
};
const entry = (document: TestBlob, more: object = {}) => ({ ...descriptor(document), ...more });
const index = (...manifests: readonly object[]) =>
  blob({ schemaVersion: 2, mediaType: types.index, manifests }, types.index);
const armEntry = entry(arm.manifest, on("linux/arm64"));
const nothing = index(armEntry);

/** What a pull makes of an index, and the documents it read for that. */
async function pull(test: TestContext, top: TestBlob, others: readonly TestBlob[] = []) {
  await using stub = (await RegistryStub.start()).offer(arm).offer(image, top);
  for (const other of others) stub.offerDocument(other);
  const cache = join(await temporaryDirectory(test), "cache");
  const pulled = await pullFrom(stub, cache);
  return { digest: pulled.manifestDigest, documentCount: stub.paths(/\/manifests\//).length };
}
const refusal = (test: TestContext, top: TestBlob, others: readonly TestBlob[] = []) =>
  failureOf(pull(test, top, others));

describe("an index", () => {
  const { manifest } = image;
  const chosen: Readonly<Record<string, TestBlob>> = {
    "of several platforms": index(armEntry, entry(manifest, on("linux/amd64"))),
    "with a variant that guests have not": index(
      entry(arm.manifest, on("linux/amd64/v3")),
      entry(manifest, on("linux/amd64")),
    ),
    "with the least variant alone": index(entry(manifest, on("linux/amd64/v1"))),
    "with the variant that guests have": index(
      entry(arm.manifest, on("linux/amd64/v4")),
      entry(manifest, on("linux/amd64/v2")),
    ),
    "with another name of the architecture": index(entry(manifest, on("linux/x86_64"))),
    "without platforms": index(entry(manifest)),
    "with a platform that is null": index(entry(manifest, { platform: null })),
    "with a named platform after one without": index(
      entry(arm.manifest),
      entry(manifest, on("linux/amd64")),
    ),
    "with attachments beside an image without platform": index(
      entry(arm.manifest, { annotations: { "vnd.docker.reference.type": "attestation-manifest" } }),
      entry(arm.manifest, { artifactType: "application/spdx+json" }),
      entry(manifest, { annotations: { "org.opencontainers.image.ref.name": "v1" } }),
    ),
  };
  for (const [name, top] of Object.entries(chosen))
    it(`gives the guest's image: ${name}`, async (test) => {
      assert.equal((await pull(test, top)).digest, manifest.digest);
    });

  it("without an image for the guest says what it has", async (test) => {
    const top = index(
      entry(image.manifest, on("linux/amd64/v3")),
      entry(image.manifest, on("unknown/unknown")),
      entry(image.manifest, { platform: {} }),
    );
    const failure = await refusal(test, top);
    assert.equal(failure.code, "environment_not_found");
    assert.match(failure.message, /it has "linux\/amd64\/v3, unknown\/unknown"/);
  });
});

describe("an index inside an index", () => {
  const inner = index(armEntry, entry(image.manifest, on("linux/amd64")));
  const middle = index(entry(inner, on("linux/amd64")));

  it("is followed, three deep, with or without a platform", async (test) => {
    for (const more of [on("linux/amd64"), {}]) {
      const top = index(entry(middle, more));
      const { digest, documentCount } = await pull(test, top, [middle, inner]);
      assert.deepEqual([digest, documentCount], [image.manifest.digest, 4]);
    }
  });

  it("may have nothing for the guest while the next one has", async (test) => {
    const top = index(entry(nothing), entry(inner));
    assert.equal((await pull(test, top, [nothing, inner])).digest, image.manifest.digest);
    const failure = await refusal(test, index(entry(nothing)), [nothing]);
    assert.equal(failure.code, "environment_not_found");
    assert.match(failure.message, /it has "linux\/arm64"/);
  });

  it("is refused without end, deep or wide", async (test) => {
    const third = index(entry(middle));
    const deep = await refusal(test, index(entry(third)), [third, middle, inner]);
    assert.equal(deep.code, "registry_lied");
    assert.match(deep.message, /index is inside 3 others/);
    const wide = index(...Array.from({ length: 40 }, () => entry(nothing)));
    assert.match((await refusal(test, wide, [nothing])).message, /no image within 16 documents/);
  });

  it("has to be what the index above promises", async (test) => {
    const size = await refusal(test, index(entry(inner, { size: 5 })), [inner]);
    assert.match(size.message, /bytes where its index promises 5/);
    const type = await refusal(test, index(entry(inner, { mediaType: types.manifest })), [inner]);
    assert.match(type.message, /was served as .* where its index promises/);
  });
});
