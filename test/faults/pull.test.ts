import assert from "node:assert/strict";
import { afterEach, before, beforeEach, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { PyroHome } from "../support/home.ts";
import { findProcesses } from "../support/host-processes.ts";
import { busyboxLayer, makeOciImage } from "../support/oci-image.ts";
import { filesUnder } from "../support/oracle.ts";
import { blob, manifestOf, sha256, type TestImage, types } from "../support/registry-image.ts";
import { RegistryStub } from "../support/registry-stub.ts";
import { until } from "../support/until.ts";

describe("installing an image", () => {
  let home: PyroHome;
  let stub: RegistryStub;
  let image: TestImage;
  before(async () => {
    image = await makeOciImage([busyboxLayer()], { Env: ["PATH=/bin"] });
  });
  beforeEach(async () => {
    home = await PyroHome.private({ images: false });
    stub = (await RegistryStub.start()).offer(image);
  });
  afterEach(async () => {
    await stub[Symbol.asyncDispose]();
    await home.assertNothingLeft();
    await home.dispose();
  });

  const pull = () =>
    home.start(["env", "pull", stub.reference, "--no-template"], {
      env: { PYRO_INSECURE_REGISTRIES: stub.host },
    });
  /** Lets the first request of the layer hang, and tells when it has come. */
  const stallLayer = () => {
    const digest = image.layers[0]?.digest ?? "";
    let stalled = 0;
    stub.handler = ({ url }) => url?.endsWith(digest) === true && stalled++ === 0;
    return until("the layer is asked for", () => stalled > 0);
  };
  const halfMade = () =>
    filesUnder(home.cacheDirectory).filter((name) => name.endsWith(".partial"));
  const builderRuns = () =>
    until("a builder runs", () =>
      findProcesses({ sessions: [], directories: [home.cacheDirectory] }).some(({ command }) =>
        /^\S*qemu-system/.test(command),
      ),
    );
  const assertInstalled = async () => {
    const run = ["run", stub.reference, "--", "echo", "works"];
    const ended = await home.pyro(run);
    assert.deepEqual([ended.stdout, ended.code], ["works\n", 0], ended.stderr);
  };

  it("goes on in a second process when the first is killed while it downloads", async () => {
    const stalled = stallLayer();
    const first = pull();
    await stalled;
    const second = pull();
    const waiting = `${stub.reference}: waiting for another process to install ${stub.reference}\n`;
    let said = "";
    second.child.stderr.on("data", (chunk: Buffer) => {
      said += String(chunk);
    });
    await until("the second process waits", () => said.includes(waiting));
    first.signal("SIGKILL");
    const ended = await second.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, / installed: /);
    await assertInstalled();
  });

  it("goes on in a second process when the first is killed while it builds", async () => {
    const first = pull();
    await builderRuns();
    const second = pull();
    first.signal("SIGKILL");
    await first.ended;
    const ended = await second.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(halfMade(), []);
    await assertInstalled();
  });

  it("stops on SIGINT while it downloads, and again while it builds, and works afterwards", async () => {
    const stalled = stallLayer();
    const downloading = pull();
    await stalled;
    downloading.signal("SIGINT");
    const first = await downloading.ended;
    assert.deepEqual([first.stdout, first.code], ["", 130], first.stderr);

    const building = pull();
    await builderRuns();
    building.signal("SIGINT");
    const second = await building.ended;
    assert.deepEqual([second.stdout, second.code], ["", 130], second.stderr);
    assert.deepEqual(halfMade(), []);

    const { code, stderr } = await pull().ended;
    assert.equal(code, 0, stderr);
    await assertInstalled();
  });

  /** The one line of an error. */
  const refusal = async (bad: TestImage) => {
    await stub[Symbol.asyncDispose]();
    stub = (await RegistryStub.start()).offer(bad);
    const { stdout, stderr, code } = await pull().ended;
    assert.deepEqual([stdout, code], ["", 1], stderr);
    assert.deepEqual(filesUnder(`${home.cacheDirectory}/images`), []);
    return stderr
      .split("\n")
      .filter((line) => /^(error|hint):/.test(line))
      .join("\n")
      .replaceAll(stub.host, "HOST");
  };

  it("refuses a layer that unpacks to something else than promised", async () => {
    const other = sha256(Buffer.from("other"));
    const config = blob(
      {
        architecture: "amd64",
        os: "linux",
        config: {},
        rootfs: { type: "layers", diff_ids: [other] },
      },
      types.config,
    );
    const bad = { ...image, config, manifest: manifestOf(config, image.layers), diffIds: [other] };
    assert.equal(
      await refusal(bad),
      `error: Layer 1 of 1 of HOST/app:v1 (${image.layers[0]?.digest}) unpacks to ${image.diffIds[0]}, but the image promises ${other}.\n` +
        "hint: The image is broken or tampered with; do not use it.",
    );
  });

  for (const [what, entries] of [
    ["climbs out of its root", [{ name: "../../escaped", content: "x" }]],
    [
      "is written through a link",
      [
        { name: "out", type: "symlink", linkname: "/run" },
        { name: "out/../../escaped", content: "x" },
      ],
    ],
  ] as const)
    it(`refuses an entry that ${what}`, async () => {
      const bad = await makeOciImage([busyboxLayer(), { packing: "gzip", entries }]);
      assert.equal(
        await refusal(bad),
        `error: Layer 2 of 2 of HOST/app:v1 (${bad.layers[1]?.digest}) cannot be applied: ` +
          `entry "${entries.at(-1)?.name}" leaves its directory by "..".\n` +
          "hint: The image is broken: use another tag, or build and push it again with a current tool.",
      );
    });

  it("refuses a layer that is nothing it knows", async () => {
    const layer = blob(
      Buffer.from("\u00fd7zXZ\0 is how another packing begins", "latin1"),
      types.gzip,
    );
    const bad = { ...image, layers: [layer], manifest: manifestOf(image.config, [layer]) };
    assert.match(
      await refusal(bad),
      /^error: Layer 1 of 1 of HOST\/app:v1 \(sha256:\w+\) cannot be applied: it is packed with xz; gzip, zstd and plain tars are read\.\nhint: /,
    );
  });

  it("goes by a layer's bytes where its type says something else", async () => {
    const tar = image.layers[0]?.bytes ?? Buffer.alloc(0);
    const layer = blob(gunzipSync(tar), types.gzip);
    await stub[Symbol.asyncDispose]();
    const mislabelled = { ...image, layers: [layer], manifest: manifestOf(image.config, [layer]) };
    stub = (await RegistryStub.start()).offer(mislabelled);
    const { code, stderr } = await pull().ended;
    assert.equal(code, 0, stderr);
    await assertInstalled();
  });
});
