import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { baseEnvironment, PyroHome } from "../support/home.ts";

// `make test-distro`, and part of `make test`: one boot, one template, one workspace, by another distribution's programs.

let home: PyroHome;

before(async () => {
  home = await PyroHome.private();
});

after(() => home.dispose());

async function pyro(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await home.pyro(args);
  assert.equal(code, 0, `pyro ${args.join(" ")}: ${stderr}`);
  return stdout;
}

describe("another distribution's QEMU, bubblewrap and file system tools", () => {
  it("are newer than those that the other tests run with", async () => {
    const { checks } = JSON.parse(await pyro("doctor", "--json"));
    const { message } = checks.find(({ name }: { name: string }) => name === "qemu");
    assert.ok(Number(/version (\d+)/.exec(message)?.[1]) >= 10, message);
  });

  it("boot a guest, save it as a template and resume that", async () => {
    const origins: string[] = [];
    for (let runs = 0; runs < 2; runs++) {
      const { code, stderr } = await home.run(["true"], { env: { PYRO_TRACE: "1" } });
      assert.equal(code, 0, stderr);
      origins.push(
        /\bsaved=/.test(stderr) ? "saved" : /\bbooted=/.test(stderr) ? "booted" : "resumed",
      );
    }
    assert.deepEqual(origins, ["saved", "resumed"]);
  });

  it("carry a workspace through its whole life", async () => {
    const seed = join(home.directory, "seed");
    mkdirSync(seed);
    writeFileSync(join(seed, "hello.txt"), "hello\n");
    await pyro("workspace", "create", baseEnvironment, "--name", "w", "--seed-path", seed);
    await pyro("workspace", "snapshot", "create", "w", "seeded");
    await pyro("workspace", "exec", "w", "--", "sh", "-c", "echo changed > hello.txt");
    assert.match(await pyro("workspace", "diff", "w"), /^-hello\n\+changed$/m);
    await pyro("workspace", "stop", "w");
    await pyro("workspace", "start", "w");
    assert.equal(await pyro("workspace", "file", "read", "w", "hello.txt"), "changed\n");
    await pyro("workspace", "reset", "w", "--snapshot", "seeded");
    assert.equal(await pyro("workspace", "exec", "w", "--", "cat", "hello.txt"), "hello\n");
    await pyro("workspace", "delete", "w");
    await home.assertNothingLeft();
  });
});
