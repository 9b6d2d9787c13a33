import assert from "node:assert/strict";
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { duplexPair } from "node:stream";
import { after, afterEach, before, describe, it } from "node:test";
import { compose } from "../../src/compose.ts";
import type { Machine } from "../../src/drivers/driver.ts";
import { type TemplateKeyParts, TemplateStore } from "../../src/environments/templates.ts";
import { readConfig } from "../../src/platform/config.ts";
import { isAlive } from "../../src/platform/processes.ts";
import { discard } from "../../src/workspace/machines/attach-agent.ts";
import { startMachine } from "../../src/workspace/machines/start-machine.ts";
import { type StartRequest, unnamedDisk } from "../../src/workspace/machines/start-request.ts";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import { findMonitor } from "../support/host-processes.ts";
import { until } from "../support/until.ts";
import { refusal } from "../support/workspaces.ts";

const flipped = Buffer.alloc(4096, 0xa5);

describe("damaged files in the cache", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.private();
    await assertWorks();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  /** A run that needs no repair by hand and says nothing about it. */
  const assertWorks = async () => {
    const ended = await home.run(["echo", "works"]);
    assert.deepEqual([ended.stdout, ended.stderr, ended.code], ["works\n", "", 0]);
  };
  const templates = () => {
    const root = join(home.cacheDirectory, "templates");
    return readdirSync(root)
      .filter((name) => !name.endsWith(".lock"))
      .map((name) => join(root, name));
  };
  /** Tells a template from the one that took its place, which may have been given the same inode. */
  const memoryMadeAt = (directory: string) =>
    statSync(join(directory, "memory"), { bigint: true }).birthtimeNs;
  const fileOf = (name: string) => {
    const [directory = "", ...others] = templates();
    assert.deepEqual(others, []);
    return join(directory, name);
  };
  const imageDirectory = () => {
    const name = `${encodeURIComponent(baseEnvironment)}.json`;
    const record = readFileSync(join(home.cacheDirectory, "environments", name), "utf8");
    const { imageId } = JSON.parse(record) as { imageId: string };
    return join(home.cacheDirectory, "images", imageId);
  };
  const isInstalled = async () => {
    const { stdout } = await home.pyro(["env", "inspect", baseEnvironment, "--json"]);
    return (JSON.parse(stdout) as { installed: boolean }).installed;
  };
  /** Changes bytes in the middle of a file and nothing else about it. */
  const flipBytes = (path: string) => {
    const fd = openSync(path, "r+");
    writeSync(fd, flipped, 0, flipped.length, Math.floor(fstatSync(fd).size / 2));
    closeSync(fd);
  };
  const isFlipped = (path: string) => {
    const fd = openSync(path, "r");
    const bytes = Buffer.alloc(flipped.length);
    readSync(fd, bytes, 0, bytes.length, Math.floor(fstatSync(fd).size / 2));
    closeSync(fd);
    return bytes.equals(flipped);
  };
  /** Makes the record of a template fit its files again, as if they had rotted without a trace. */
  const forgeRecord = () => {
    const path = fileOf("template.json");
    const record = JSON.parse(readFileSync(path, "utf8")) as Record<string, object>;
    for (const [field, name] of [
      ["memory", "memory"],
      ["state", "state"],
      ["diskContent", "disk.bin"],
    ] as const) {
      const { ino, size, mtimeNs, ctimeNs } = statSync(fileOf(name), { bigint: true });
      record[field] = {
        ino: `${ino}`,
        size: `${size}`,
        mtimeNs: `${mtimeNs}`,
        ctimeNs: `${ctimeNs}`,
      };
    }
    writeFileSync(path, JSON.stringify(record));
  };

  for (const name of ["memory", "state", "disk.bin"]) {
    it(`a template's ${name} is never used once it was written to, and is made anew`, async () => {
      flipBytes(fileOf(name));
      await assertWorks();
      assert.equal(isFlipped(fileOf(name)), false);
    });
  }

  it("a template's state that is gone is made anew", async () => {
    rmSync(fileOf("state"));
    await assertWorks();
    assert.ok(statSync(fileOf("state")).size > 0);
  });

  it("a state that rotted without a trace costs time and nothing else", async () => {
    truncateSync(fileOf("state"), 1_000);
    forgeRecord();
    await assertWorks();
    assert.ok(statSync(fileOf("state")).size > 1_000);
  });

  /** What the SDK starts machines with, for tests that put themselves in between. */
  const openEngine = async () => {
    const engine = compose({ ...readConfig(home.env), stateDirectory: home.stateDirectory });
    const factory = await engine.host.machineFactory();
    const image = await engine.host.images.find(baseEnvironment);
    assert.ok(image !== undefined);
    const request: StartRequest = {
      image,
      vcpuCount: 1,
      memMib: 1024,
      cpu: "v2",
      lifetime: "caller",
      disk: unnamedDisk(home.stateDirectory),
      hostname: "tested",
    };
    return { factory, image, request, [Symbol.dispose]: () => engine.workspaces[Symbol.dispose]() };
  };

  for (const { what, silentMax, origin } of [
    { what: "whose clone says nothing is made anew", silentMax: 1, origin: "booted-and-saved" },
    { what: "none of whose clones says a word is not kept", silentMax: 2, origin: "booted" },
  ])
    it(`a template ${what}, and a machine that boots takes the clone's place`, async () => {
      await assertWorks();
      const before = templates().map(memoryMadeAt);
      using engine = await openEngine();
      const { driver } = engine.factory;
      const silenced: Machine[] = [];
      const restore = driver.restore.bind(driver);
      driver.restore = async (...given) => {
        const machine = await restore(...given);
        if (silenced.length === silentMax) return machine;
        machine.openChannel = async () => duplexPair()[0];
        silenced.push(machine);
        return machine;
      };
      const started = await startMachine(engine.factory, engine.request);
      await discard(started);
      assert.equal(started.origin, origin);
      assert.deepEqual(
        silenced.map(({ identity }) => isAlive(identity)),
        Array(silentMax).fill(false),
      );
      const after = templates().map(memoryMadeAt);
      assert.equal(after.length, origin === "booted" ? 0 : 1);
      assert.ok(!after.some((moment) => before.includes(moment)));
      await assertWorks();
    });

  it("a template or an environment that is removed between being found and being opened", async () => {
    using engine = await openEngine();
    const { factory, image, request } = engine;
    class Racing extends TemplateStore {
      override async find(parts: TemplateKeyParts) {
        const found = await super.find(parts);
        if (found !== undefined) await this.remove(parts);
        return found;
      }
    }
    const templates = new Racing(home.cacheDirectory);
    const started = await startMachine({ ...factory, templates }, request);
    assert.match(started.origin, /^booted/);
    await discard(started);
    const gone = { ...image, id: "0".repeat(64) };
    const refused = await refusal(startMachine(factory, { ...request, image: gone }));
    assert.equal(refused.code, "environment_not_installed");
    assert.match(refused.hint ?? "", /pyro env pull debian:12-base/);
    await assertWorks();
  });

  it("a template of another monitor goes with a gc, and the one in use stays", async () => {
    await assertWorks();
    const current = fileOf("template.json");
    const other = join(home.cacheDirectory, "templates", "0".repeat(32));
    mkdirSync(other);
    const record = JSON.parse(readFileSync(current, "utf8"));
    record.parts.driverFingerprint = "qemu 7.1";
    writeFileSync(join(other, "template.json"), JSON.stringify(record));
    writeFileSync(join(other, "memory"), Buffer.alloc(4096));
    const { code, stderr } = await home.pyro(["workspace", "gc"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(templates(), [dirname(current)]);
  });

  it("a template half made by a process that was killed is swept by the next", async () => {
    rmSync(fileOf("state"));
    const making = home.start(["run", baseEnvironment, "--", "true"]);
    await until("a template is being made", () =>
      readdirSync(join(home.cacheDirectory, "templates")).some((name) => name.endsWith(".partial")),
    );
    // Not while bubblewrap itself starts: its own child can outlive it then (ARCHITECTURE.md).
    await findMonitor(home.cacheDirectory);
    making.signal("SIGKILL");
    await making.ended;
    await assertWorks();
    assert.equal(templates().length, 1);
  });

  it("records, verdicts and indexes that are no JSON are made anew", async () => {
    for (const path of [
      fileOf("template.json"),
      join(home.cacheDirectory, "qemu-version.json"),
      join(home.cacheDirectory, "tsc-rate.json"),
      join(home.cacheDirectory, "boots-tcg.json"),
      join(home.cacheDirectory, "boot", "index.json"),
    ]) {
      writeFileSync(path, '{"half":');
      await assertWorks();
    }
  });

  it("an initial file system that is gone is built anew", async () => {
    const boot = join(home.cacheDirectory, "boot");
    for (const name of readdirSync(boot)) if (name.endsWith(".cpio")) rmSync(join(boot, name));
    await assertWorks();
  });

  it("an environment whose record is damaged counts as not installed", async () => {
    const path = join(imageDirectory(), "image.json");
    const record = readFileSync(path);
    rmSync(path);
    writeFileSync(path, record.subarray(0, 20));
    assert.equal(await isInstalled(), false);
    rmSync(path);
    writeFileSync(path, record);
    await assertWorks();
  });

  it("an environment whose disk is gone counts as not installed", async () => {
    rmSync(join(imageDirectory(), "disk.ext4"));
    assert.equal(await isInstalled(), false);
  });
});
