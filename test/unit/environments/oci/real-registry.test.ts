import assert from "node:assert/strict";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pullImage } from "../../../../src/environments/oci/pull-image.ts";
import { indexOf, makeImage, sha256, writeLayout } from "../../../support/registry-image.ts";
import {
  account,
  missingRegistryTools,
  RegistryProcess,
} from "../../../support/registry-process.ts";
import { failureOf, temporaryDirectory } from "../../../support/registry-pull.ts";

const image = makeImage();
const arm = makeImage({ architecture: "arm64", seed: "arm" });
const large = makeImage({ layers: [{ size: 3_000_000, packing: "gzip" }], seed: "large" });
const multiArch = indexOf({ "linux/arm64": arm.manifest, "linux/amd64": image.manifest });
const armOnly = indexOf({ "linux/arm64": arm.manifest });

describe("pulling from a real registry", { skip: missingRegistryTools() }, () => {
  let directory: string;
  let open: RegistryProcess;
  let locked: RegistryProcess;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "pyro-registry-"));
    open = await RegistryProcess.start(join(directory, "open"));
    locked = await RegistryProcess.start(join(directory, "locked"), true);
    const layout = (name: string) => join(directory, "layouts", name);
    await writeLayout(layout("multi"), "v1", { top: multiArch, images: [image, arm] });
    await writeLayout(layout("arm"), "v1", { top: armOnly, images: [arm] });
    await writeLayout(layout("large"), "v1", { top: large.manifest, images: [large] });
    await open.push(layout("multi"), "team/app", "v1");
    await open.push(layout("arm"), "team/arm", "v1");
    await open.push(layout("large"), "large", "v1");
    await locked.push(layout("multi"), "team/app", "v1");
  });

  after(async () => {
    await open?.[Symbol.asyncDispose]();
    await locked?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  const optionsFor = async (test: Parameters<typeof temporaryDirectory>[0]) => ({
    cacheDirectory: join(await temporaryDirectory(test), "cache"),
    authFile: join(directory, "no-such-file"),
    insecureRegistries: [open.host, locked.host],
  });

  const authFile = async (content: unknown) => {
    const path = join(await mkdtemp(join(directory, "auth-")), "config.json");
    await writeFile(path, JSON.stringify(content));
    return path;
  };

  const authFor = async (password: string) => {
    const auth = Buffer.from(`${account.username}:${password}`).toString("base64");
    return await authFile({ auths: { [locked.host]: { auth } } });
  };

  it("fetches the linux/amd64 image of an index, all layer packings", async (test) => {
    const options = await optionsFor(test);
    const pulled = await pullImage(`${open.host}/team/app:v1`, options);

    assert.equal(pulled.canonicalReference, `${open.host}/team/app:v1`);
    assert.equal(pulled.manifestDigest, image.manifest.digest);
    assert.equal(pulled.configDigest, image.config.digest);
    assert.deepEqual(pulled.config, {
      env: ["PATH=/usr/bin:/bin", "GREETING=hello=world"],
      workingDirectory: "/srv",
      user: "1000:1000",
      entrypoint: ["/bin/sh", "-c"],
      command: ["true"],
    });
    assert.deepEqual(
      pulled.layers.map(({ digest, diffId, sizeBytes }) => [digest, diffId, sizeBytes]),
      image.layers.map((layer, index) => [layer.digest, image.diffIds[index], layer.bytes.length]),
    );
    for (const { path, digest } of pulled.layers)
      assert.equal(sha256(await readFile(path)), digest);
  });

  it("downloads nothing the second time, by tag and by digest", async (test) => {
    const options = await optionsFor(test);
    const first = await pullImage(`${open.host}/team/app:v1`, options);
    const blobRequests = () => open.requests.filter((line) => line.includes("/blobs/")).length;
    const before = blobRequests();
    const byTag = await pullImage(`${open.host}/team/app:v1`, options);
    const byDigest = await pullImage(`${open.host}/team/app@${multiArch.digest}`, options);
    assert.deepEqual(byTag, first);
    assert.deepEqual(byDigest.layers, first.layers);
    assert.equal(byDigest.canonicalReference, `${open.host}/team/app@${multiArch.digest}`);
    assert.equal(blobRequests(), before);
  });

  it("goes on where an interrupted download stopped", async (test) => {
    const options = await optionsFor(test);
    const [layer] = large.layers;
    assert.ok(layer);
    const reference = `${open.host}/large:v1`;
    const { layers } = await pullImage(reference, options);
    const path = layers[0]?.path ?? "";
    await writeFile(`${path}.partial`, layer.bytes.subarray(0, 1_000_000));
    await rename(path, `${path}.away`);

    const seen: number[] = [];
    await pullImage(reference, {
      ...options,
      onProgress: ({ completedBytes }) => seen.push(completedBytes),
    });
    assert.equal(sha256(await readFile(path)), layer.digest);
    assert.ok(open.requests.at(-1)?.endsWith(" 206"), open.requests.at(-1));
    assert.equal(seen.at(-1), large.config.bytes.length + layer.bytes.length);
  });

  it("fetches a damaged blob again", async (test) => {
    const options = await optionsFor(test);
    const { layers } = await pullImage(`${open.host}/team/app:v1`, options);
    const path = layers[1]?.path ?? "";
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await pullImage(`${open.host}/team/app:v1`, options);
    assert.equal(sha256(await readFile(path)), layers[1]?.digest);
  });

  it("logs in with the credentials of Docker's file", async (test) => {
    const options = { ...(await optionsFor(test)), authFile: await authFor(account.password) };
    const pulled = await pullImage(`${locked.host}/team/app:v1`, options);
    assert.equal(pulled.manifestDigest, image.manifest.digest);
  });

  it("names the user whose password is wrong, and never the password", async (test) => {
    const options = { ...(await optionsFor(test)), authFile: await authFor("wrong donkey") };
    const failure = await failureOf(pullImage(`${locked.host}/team/app:v1`, options));
    assert.equal(failure.code, "registry_denied");
    assert.match(failure.message, /credentials of "ada"/);
    assert.match(failure.hint ?? "", /docker login 127\.0\.0\.1:/);
    assert.doesNotMatch(`${failure.message}${failure.hint}${failure.stack}`, /donkey|d3Jvbm/);
  });

  it("says that credentials are missing, and where they are kept instead", async (test) => {
    const options = await optionsFor(test);
    const reference = `${locked.host}/team/app:v1`;
    const missing = await failureOf(pullImage(reference, options));
    assert.equal(missing.code, "registry_denied");
    assert.match(missing.hint ?? "", /docker login/);
    const helped = await failureOf(
      pullImage(reference, {
        ...options,
        authFile: await authFile({ auths: { [locked.host]: {} }, credsStore: "pass" }),
      }),
    );
    assert.match(helped.hint ?? "", /credential helper "pass", which pyro does not run/);
  });

  it("names an image, tag or platform that is not there", async (test) => {
    const options = await optionsFor(test);
    const tag = await failureOf(pullImage(`${open.host}/team/app:v9`, options));
    assert.equal(tag.code, "environment_not_found");
    assert.match(tag.message, /team\/app:v9 is not in its registry/);
    const platform = await failureOf(pullImage(`${open.host}/team/arm:v1`, options));
    assert.equal(platform.code, "environment_not_found");
    assert.match(platform.message, /no variant for linux\/amd64; it has "linux\/arm64"/);
  });

  it("does not visit a private address that nobody listed", async (test) => {
    const options = { ...(await optionsFor(test)), insecureRegistries: [] };
    const before = open.requests.length;
    const failure = await failureOf(pullImage(`${open.host}/team/app:v1`, options));
    assert.equal(failure.code, "address_refused");
    assert.match(failure.message, /127\.0\.0\.1/);
    assert.match(failure.hint ?? "", /PYRO_INSECURE_REGISTRIES/);
    assert.equal(open.requests.length, before);
  });
});
