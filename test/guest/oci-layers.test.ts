import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { PyroHome } from "../support/home.ts";
import {
  blob,
  manifestOf,
  sha256,
  type TestImage,
  types,
  writeLayout,
} from "../support/registry-image.ts";
import { RegistryProcess } from "../support/registry-process.ts";

/** A real tar of the directory `name`, made by tar and owned by root. */
function tarOfDirectory(root: string, name: string): Buffer {
  return execFileSync(
    "tar",
    ["--create", "--owner=0", "--group=0", "--numeric-owner", "--directory", join(root, name), "."],
    { maxBuffer: 64 << 20 },
  );
}

/** A small system of busybox in three layers: the second and third take away, replace and hide. */
function layerTars(root: string): Buffer[] {
  const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim();
  const base = join(root, "base");
  for (const name of ["bin", "etc", "opaque", "srv", "tmp"])
    mkdirSync(join(base, name), { recursive: true });
  copyFileSync(busybox, join(base, "bin", "busybox"));
  for (const name of ["sh", "cat", "ls", "id", "pwd", "env", "readlink"])
    symlinkSync("busybox", join(base, "bin", name));
  writeFileSync(
    join(base, "etc", "passwd"),
    "root:x:0:0::/root:/bin/sh\nada:x:1234:2345::/srv:/bin/sh\n",
  );
  writeFileSync(join(base, "etc", "group"), "root:x:0:\nada:x:2345:\n");
  for (const name of ["removed", "replaced"])
    writeFileSync(join(base, "etc", name), "of the first layer\n");
  writeFileSync(join(base, "opaque", "hidden"), "of the first layer\n");

  const second = join(root, "second");
  for (const name of ["etc", "opaque"]) mkdirSync(join(second, name), { recursive: true });
  writeFileSync(join(second, "etc", ".wh.removed"), "");
  writeFileSync(join(second, "etc", "replaced"), "of the second layer\n");
  writeFileSync(join(second, "opaque", ".wh..wh..opq"), "");
  writeFileSync(join(second, "opaque", "shown"), "of the second layer\n");

  const third = join(root, "third");
  mkdirSync(join(third, "etc"), { recursive: true });
  symlinkSync("replaced", join(third, "etc", "link"));
  return ["base", "second", "third"].map((name) => tarOfDirectory(root, name));
}

function busyboxImage(root: string, { wrongDiffId = false } = {}): TestImage {
  const tars = layerTars(root);
  const [base, second, third] = tars as [Buffer, Buffer, Buffer];
  const layers = [
    blob(gzipSync(base), types.gzip),
    blob(zstdCompressSync(second), types.zstd),
    blob(third, types.tar),
  ];
  const diffIds = tars.map((tar) => sha256(tar));
  if (wrongDiffId) diffIds[1] = sha256(Buffer.from("something else"));
  const config = blob(
    {
      architecture: "amd64",
      os: "linux",
      config: {
        Env: ["PATH=/bin", "GREETING=hello=world"],
        WorkingDir: "/srv",
        User: "ada",
        Entrypoint: ["/bin/never-run"],
      },
      rootfs: { type: "layers", diff_ids: diffIds },
    },
    types.config,
  );
  return { manifest: manifestOf(config, layers), config, layers, diffIds };
}

describe("the layers of an OCI image from a real registry", () => {
  let home: PyroHome;
  let registry: RegistryProcess;
  let reference: string;
  let liar: string;
  const env = () => ({ PYRO_INSECURE_REGISTRIES: registry.host });

  before(async () => {
    home = await PyroHome.private({ images: false });
    registry = await RegistryProcess.start(join(home.directory, "registry"));
    for (const [tag, options] of [
      ["good", {}],
      ["liar", { wrongDiffId: true }],
    ] as const) {
      const image = busyboxImage(join(home.directory, tag), options);
      const layout = join(home.directory, `layout-${tag}`);
      await writeLayout(layout, tag, { top: image.manifest, images: [image] });
      await registry.push(layout, "team/busybox", tag);
    }
    reference = `${registry.host}/team/busybox:good`;
    liar = `${registry.host}/team/busybox:liar`;
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    await home.assertNothingLeft();
    await home.dispose();
  });

  it("is pulled once, and a second pull does nothing", async () => {
    const first = await home.pyro(["env", "pull", "--no-template", reference], { env: env() });
    assert.equal(first.code, 0, first.stderr);
    assert.match(
      first.stdout,
      /team\/busybox:good installed: .* MiB from .*@sha256:[0-9a-f]{64}\n$/,
    );
    const second = await home.pyro(["env", "pull", "--no-template", reference], { env: env() });
    assert.match(second.stdout, / already installed: /);
  });

  it("has its layers on top of each other, with nothing that was taken away", async () => {
    const script = "cat /etc/replaced /etc/link; ls /opaque; ls /etc/removed; echo code $?";
    const ended = await home.pyro(["run", reference, "--", "sh", "-c", script], { env: env() });
    assert.equal(ended.stdout, "of the second layer\nof the second layer\nshown\ncode 1\n");
  });

  it("is refused when a layer unpacks to something else than it promises, and leaves nothing", async () => {
    const ended = await home.pyro(["env", "pull", liar], { env: env() });
    assert.equal(ended.code, 1);
    assert.match(
      ended.stderr,
      /error: Layer 2 of 3 of .*liar \(sha256:[0-9a-f]{64}\) unpacks to sha256:[0-9a-f]{64}, but the image promises sha256:/,
    );
    const list = JSON.parse((await home.pyro(["env", "list", "--json"])).stdout);
    assert.ok(!list.environments.some((one: { environment: string }) => one.environment === liar));
  });
});
