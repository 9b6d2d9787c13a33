import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { PyroHome } from "../support/home.ts";
import { busyboxLayer, makeOciImage } from "../support/oci-image.ts";
import { writeLayout } from "../support/registry-image.ts";
import { RegistryProcess } from "../support/registry-process.ts";

const greeting = "hello = wörld";

/** Three layers in three packings; the upper ones take away, hide and replace what the lower one brings. */
function makeImage() {
  const base = busyboxLayer([
    { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\napp:x:1234:1235::/srv:/bin/sh\n" },
    { name: "etc/group", content: "root:x:0:\napp:x:1235:\nextra:x:1300:app\n" },
    { name: "etc/hosts", content: "# of the image\n10.0.0.7 db" },
    { name: "srv/app/", type: "directory", mode: 0o755, uid: 1234, gid: 1235 },
    { name: "data/removed", content: "must go\n" },
    { name: "data/replaced", content: "old\n" },
    { name: "data/kept", content: "kept\n", mode: 0o640, uid: 7, gid: 8, mtime: new Date(1e12) },
    { name: "opaque/old", content: "must go\n" },
    { name: "gone/deep/file", content: "must go\n" },
  ]);
  const second = {
    packing: "zstd",
    entries: [
      { name: "data/.wh.removed", content: "" },
      { name: "opaque/.wh..wh..opq", content: "" },
      { name: "opaque/new", content: "new\n" },
      { name: ".wh.gone", content: "" },
    ],
  } as const;
  const third = {
    packing: "tar",
    entries: [
      { name: "data/replaced", content: "new\n" },
      { name: "data/hard", type: "link", linkname: "data/kept" },
    ],
  } as const;
  return makeOciImage([base, second, third], {
    Env: ["PATH=/bin", `GREETING=${greeting}`],
    User: "app",
    WorkingDir: "/srv/app",
    Entrypoint: ["/bin/false"],
    Cmd: ["must", "not", "run"],
  });
}

describe("an image from a registry, run in a real guest", () => {
  let home: PyroHome;
  let registry: RegistryProcess;
  let reference: string;
  before(async () => {
    home = await PyroHome.private({ images: false });
    registry = await RegistryProcess.start(join(home.directory, "registry"));
    const image = await makeImage();
    const layout = join(home.directory, "layout");
    await writeLayout(layout, "v1", { top: image.manifest, images: [image] });
    await registry.push(layout, "team/app", "v1");
    reference = `${registry.host}/team/app:v1`;
  });
  afterEach(() => home.assertNothingLeft());
  after(async () => {
    await registry?.[Symbol.asyncDispose]();
    await home?.dispose();
  });

  const insecure = () => ({ env: { PYRO_INSECURE_REGISTRIES: registry.host } });
  const run = (command: readonly string[]) =>
    home.pyro(["run", reference, "--", ...command], insecure());

  it("is refused without leave to speak to a private address", async () => {
    const ended = await home.pyro(["env", "pull", reference]);
    assert.equal(ended.code, 1);
    assert.equal(ended.stdout, "");
    assert.match(ended.stderr, /PYRO_INSECURE_REGISTRIES/);
  });

  it("is installed once", async () => {
    const first = await home.pyro(["env", "pull", reference, "--json"], insecure());
    assert.equal(first.code, 0, first.stdout);
    const { already_installed, environment, installed, source } = JSON.parse(first.stdout);
    assert.deepEqual([already_installed, environment, installed], [false, reference, true]);
    assert.match(source, /\/team\/app:v1@sha256:[0-9a-f]{64}$/);
    const requests = registry.requests.length;
    const second = await home.pyro(["env", "pull", reference, "--json"], insecure());
    assert.equal(JSON.parse(second.stdout).already_installed, true);
    assert.equal(registry.requests.length, requests, "the registry was asked again");
  });

  it("keeps its own hosts beside the machine's names", async () => {
    const { stdout } = await run(["sh", "-c", "cat /etc/hostname /etc/hosts"]);
    const [hostname, ...hosts] = stdout.trimEnd().split("\n");
    assert.deepEqual(hosts, [
      "127.0.0.1\tlocalhost",
      "::1\tlocalhost ip6-localhost ip6-loopback",
      "# of the image",
      "10.0.0.7 db",
      `127.0.1.1\t${hostname}`,
    ]);
  });

  it("runs as the image's user, where and with what the image says", async () => {
    const { stdout, stderr } = await run([
      "sh",
      "-c",
      "id; pwd; echo $GREETING; echo $PATH; echo x > f; cat f",
    ]);
    assert.equal(
      stdout,
      `uid=1234(app) gid=1235(app) groups=1300(extra)\n/srv/app\n${greeting}\n/bin\nx\n`,
      stderr,
    );
  });

  it("has what its layers left, and nothing they took away", async () => {
    const look = "ls -A / /data /opaque; cat /data/replaced; stat -c '%a %u %g %Y %h' /data/kept";
    const { stdout } = await run(["sh", "-c", look]);
    const [root = "", data, opaque, rest] = stdout.split(/\n\n|(?<=\nnew\n)(?=new)/);
    assert.deepEqual(
      root.split("\n").filter((name) => ["gone", "data", "opaque"].includes(name)),
      ["data", "opaque"],
    );
    assert.deepEqual(
      [data, opaque, rest],
      ["/data:\nhard\nkept\nreplaced", "/opaque:\nnew\n", "new\n640 7 8 1000000000 2\n"],
    );
  });

  it("records its entry point and never runs it", async () => {
    const { stdout } = await home.pyro(["env", "inspect", reference, "--json"]);
    const detail = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(
      [
        detail.entrypoint,
        detail.default_command,
        detail.user,
        detail.working_directory,
        detail.env,
      ],
      [
        ["/bin/false"],
        ["must", "not", "run"],
        "app",
        "/srv/app",
        ["PATH=/bin", `GREETING=${greeting}`],
      ],
    );
  });

  it("is listed, and goes with prune --all", async () => {
    const list = await home.pyro(["env", "list"]);
    assert.ok(list.stdout.includes(reference), list.stdout);
    const pruned = await home.pyro(["env", "prune", "--all", "--json"]);
    const result = JSON.parse(pruned.stdout) as Record<string, number>;
    assert.deepEqual(
      [result.removed_image_count, result.removed_template_count, result.removed_blob_count],
      [1, 1, 4],
    );
    assert.ok((result.freed_bytes ?? 0) > 1_000_000);
  });
});
