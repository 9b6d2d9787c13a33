import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { baseEnvironment, PyroHome, repository } from "../support/home.ts";
import { makeOciImage } from "../support/oci-image.ts";
import type { Ended } from "../support/process.ts";
import { blob, descriptor, makeImage, manifestOf, types } from "../support/registry-image.ts";
import { type Handler, RegistryStub, sendDocument } from "../support/registry-stub.ts";
import { until } from "../support/until.ts";

// What the command line tells programs of failures that no tool of a model and no healthy host has; the others are in
// test/mcp/errors.test.ts and test/mcp/lost-workspaces.test.ts.

const pyro = join(repository, "bin", "pyro");
const runTrue = ["run", baseEnvironment, "--json", "--", "true"];
const listWorkspaces = ["workspace", "list", "--json"];

/** The code that `pyro --json` ended with. */
function codeOf({ stdout, stderr, code }: Ended): string {
  assert.notEqual(code, 0, stdout);
  assert.notEqual(stdout, "", stderr);
  const { error } = JSON.parse(stdout);
  assert.ok(error?.message, stdout);
  return error.code;
}

/** A program of a host that is not as it should be. */
function script(path: string, ...lines: string[]): void {
  writeFileSync(path, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
}

describe("a registry", () => {
  const image = makeImage({ layers: [{ size: 5000, packing: "gzip" }] });
  const [layer] = image.layers;
  let home: PyroHome;
  beforeEach(async () => {
    home = await PyroHome.private({ images: false });
  });
  // Parts of an image stay for the next pull; that nothing else does is seen in pull.test.ts.
  afterEach(() => home.dispose());

  const pull = (stub: RegistryStub) =>
    home.start(["env", "pull", stub.reference, "--no-template", "--json"], {
      env: { PYRO_INSECURE_REGISTRIES: stub.host },
    });
  const servingManifest =
    (document: ReturnType<typeof blob>): Handler =>
    ({ url }, response) => {
      if (url?.endsWith("/manifests/v1") !== true) return false;
      sendDocument(response, document);
      return true;
    };
  const layers = [{ ...descriptor(layer ?? image.config), size: 2 ** 40 }];

  for (const [code, handler] of [
    ["registry_denied", (_, response) => !!response.writeHead(403).end('{"errors":[]}')],
    ["registry_lied", servingManifest(blob(Buffer.from("no manifest"), types.manifest))],
    ["image_limit_exceeded", servingManifest(manifestOf(image.config, [], { layers }))],
    [
      "digest_mismatch",
      ({ url }, response) =>
        url?.endsWith(layer?.digest ?? "-") === true &&
        !!response.end(Buffer.alloc(layer?.bytes.length ?? 0)),
    ],
    [
      "address_refused",
      ({ url }, response) =>
        url?.endsWith(layer?.digest ?? "-") === true &&
        !!response.writeHead(307, { location: "http://169.254.169.254/" }).end(),
    ],
  ] as const satisfies readonly (readonly [string, Handler])[])
    it(`fails a pull with ${code}`, async () => {
      await using stub = (await RegistryStub.start({ handler })).offer(image);
      assert.equal(codeOf(await pull(stub).ended), code);
    });

  it("fails a pull with registry_unreachable", async () => {
    const stub = await RegistryStub.start();
    await stub[Symbol.asyncDispose]();
    assert.equal(codeOf(await pull(stub).ended), "registry_unreachable");
  });

  it("fails a pull with environment_build_failed when the builder refuses a layer", async () => {
    const bad = await makeOciImage([
      { packing: "gzip", entries: [{ name: "../escaped", content: "x" }] },
    ]);
    await using stub = (await RegistryStub.start()).offer(bad);
    assert.equal(codeOf(await pull(stub).ended), "environment_build_failed");
  });

  it("fails a pull that is interrupted with cancelled", async () => {
    let asked = false;
    const handler: Handler = () => {
      asked = true;
      return true;
    };
    await using stub = await RegistryStub.start({ handler });
    const pulling = pull(stub);
    await until("the registry is asked", () => asked);
    pulling.signal("SIGINT");
    assert.equal(codeOf(await pulling.ended), "cancelled");
  });
});

describe("a host", () => {
  let home: PyroHome;
  let tools: string;
  before(async () => {
    home = await PyroHome.private();
    tools = join(home.directory, "tools");
    mkdirSync(tools);
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  /** Runs `pyro` after shell lines that change a /usr/bin which nobody else sees. */
  const changed = (lines: string, args: readonly string[], env: Record<string, string> = {}) => {
    const place = join(home.directory, "changed");
    mkdirSync(place, { recursive: true });
    const setup = [
      `mount -t tmpfs none ${place} && mkdir ${place}/files ${place}/work ${place}/small || exit 99`,
      `mount -t overlay -o lowerdir=/usr/bin,upperdir=${place}/files,workdir=${place}/work none /usr/bin || exit 99`,
      `cd ${place}; ${lines}`,
      `exec ${pyro} "$@"`,
    ].join("\n");
    const mapped = process.getuid?.() === 0 ? [] : ["--map-root-user"];
    const command = ["unshare", "--mount", ...mapped, "sh", "-c", setup, "sh", ...args];
    return home.startProgram(command, { env }).ended;
  };
  const replaced = (program: string, ...lines: string[]) => {
    script(join(tools, program), ...lines);
    return `mv /usr/bin/${program} /usr/bin/real-${program}; cp ${tools}/${program} /usr/bin/`;
  };

  it("without QEMU: virtualization_unavailable", async () => {
    const ended = await changed("rm /usr/bin/qemu-system-x86_64", runTrue);
    assert.equal(codeOf(ended), "virtualization_unavailable");
  });

  it("without bubblewrap: host_tool_missing", async () => {
    assert.equal(codeOf(await changed("rm /usr/bin/bwrap", runTrue)), "host_tool_missing");
  });

  it("without working KVM, where it is required: kvm_required", async () => {
    const hidden = "[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm";
    const ended = await changed(hidden, runTrue, { PYRO_REQUIRE_KVM: "1" });
    assert.equal(codeOf(ended), "kvm_required");
  });

  it("where nobody may make namespaces: jail_unavailable", async () => {
    const refusing = replaced("bwrap", 'echo "bwrap: No permissions to create" >&2', "exit 1");
    assert.equal(codeOf(await changed(refusing, runTrue)), "jail_unavailable");
  });

  it("whose jail is none: jail_breached", async () => {
    const open = replaced(
      "bwrap",
      'while [ "$1" != -- ]; do shift; done; shift',
      `echo "{\\"child-pid\\": $$}" >&3`,
      'exec "$@"',
    );
    assert.equal(codeOf(await changed(open, runTrue)), "jail_breached");
  });

  it("whose monitor is never started: vmm_failed", async () => {
    const failing = replaced("bwrap", "echo 'Cannot allocate memory' >&2", "exit 1");
    assert.equal(codeOf(await changed(failing, runTrue)), "vmm_failed");
  });

  it("whose monitor ends at once: guest_boot_failed", async () => {
    const ending = replaced(
      "qemu-system-x86_64",
      'case "$*" in *--version* | "-L help") exec /usr/bin/real-qemu-system-x86_64 "$@";; esac',
      "echo 'no such machine' >&2; exit 1",
    );
    assert.equal(codeOf(await changed(ending, runTrue)), "guest_boot_failed");
  });

  it("without room for state: host_no_space", async () => {
    const small = `mount -t tmpfs -o mode=700,size=256k none small`;
    const create = ["workspace", "create", baseEnvironment, "--json"];
    const state = join(home.directory, "changed", "small", "state");
    assert.equal(codeOf(await changed(small, create, { PYRO_STATE_DIR: state })), "host_no_space");
  });

  it("whose mmdebstrap fails: host_tool_failed; or brings no kernel: environment_build_failed", async () => {
    const args = ["env", "pull", "debian:13", "--json"];
    const folder = join(home.directory, "debian");
    mkdirSync(folder);
    const env = { PATH: `${folder}:${home.env.PATH}` };
    await using bare = await PyroHome.private({ images: false });
    script(join(folder, "mmdebstrap"), "echo 'E: no mirror' >&2", "exit 1");
    assert.equal(codeOf(await bare.pyro(args, { env })), "host_tool_failed");
    await using empty = PyroHome.empty();
    script(join(folder, "mmdebstrap"), "cat > /dev/null; head -c 10240 /dev/zero");
    assert.equal(codeOf(await empty.pyro(args, { env })), "environment_build_failed");
  });

  it("whose directory for state is a file: host_directory_unusable", async () => {
    const path = join(home.directory, "file");
    writeFileSync(path, "");
    const ended = await home.pyro(listWorkspaces, { env: { PYRO_STATE_DIR: path } });
    assert.equal(codeOf(ended), "host_directory_unusable");
  });

  for (const [code, write] of [
    ["registry_damaged", (path: string) => writeFileSync(path, "no database".repeat(1000))],
    [
      "registry_schema_too_new",
      (path: string) => {
        using database = new DatabaseSync(path);
        database.exec("CREATE TABLE later (a); PRAGMA user_version = 1000");
      },
    ],
  ] as const)
    it(`whose registry cannot be used: ${code}`, async () => {
      const state = join(home.directory, code);
      mkdirSync(state, { mode: 0o700 });
      write(join(state, "registry.sqlite"));
      const ended = await home.pyro(listWorkspaces, { env: { PYRO_STATE_DIR: state } });
      assert.equal(codeOf(ended), code);
    });

  it("whose file does not let itself be read: seed_source_unusable", async () => {
    // A process's memory has nothing at its beginning.
    const path = join(home.directory, "unreadable.tar");
    symlinkSync("/proc/self/mem", path);
    const args = ["workspace", "create", baseEnvironment, "--seed-path", path, "--json"];
    assert.equal(codeOf(await home.pyro(args)), "seed_source_unusable");
  });
});

describe("a command", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  for (const [code, args] of [
    ["environment_not_installed", ["env", "inspect", "docker.io/library/absent:1", "--json"]],
    ["environment_not_found", ["env", "pull", "debain:12", "--json"]],
    ["expired", ["run", baseEnvironment, "--ttl-seconds", "1", "--json", "--", "sleep", "60"]],
    ["workspace_not_found", ["workspace", "status", "absent", "--json"]],
  ] as const)
    it(`that asks for what cannot be: ${code}`, async () => {
      assert.equal(codeOf(await home.pyro(args)), code);
    });
});

describe("a coding agent", () => {
  let home: PyroHome;
  let project: string;
  before(() => {
    home = PyroHome.empty();
    project = join(home.directory, "project");
    mkdirSync(project);
  });
  after(() => home.dispose());

  /** `pyro host` of a user with these files in their home, and with these programs. */
  const host = (
    args: readonly string[],
    { files = {}, programs = [] }: { files?: Record<string, string>; programs?: string[] } = {},
  ) => {
    const user = join(home.directory, `user-${performance.now()}`);
    const bin = join(user, "bin");
    mkdirSync(bin, { recursive: true });
    for (const name of programs) script(join(bin, name), "echo 'it is broken' >&2; exit 1");
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(user, name, ".."), { recursive: true });
      writeFileSync(join(user, name), text);
    }
    const env = { HOME: user, PATH: `${bin}:/usr/bin:/bin` };
    return home.pyro(["host", ...args, "--json"], { env, cwd: project });
  };
  const codex = ".codex/config.toml";
  const entry = (command: string, ...args: string[]) =>
    `[mcp_servers.pyro]\ncommand = ${JSON.stringify(command)}\nargs = ${JSON.stringify(args)}\n`;

  for (const [code, args, given] of [
    ["host_unknown", ["connect", "nobody"], {}],
    ["host_not_installed", ["connect", "codex"], {}],
    ["host_not_connected", ["repair", "codex"], {}],
    ["host_config_unreadable", ["connect", "codex"], { files: { [codex]: '{\n"a" = "\n' } }],
    ["host_config_conflict", ["connect", "codex"], { files: { [codex]: entry("other") } }],
    ["host_program_failed", ["connect", "claude-code"], { programs: ["claude"] }],
    [
      "host_server_failed",
      ["repair", "codex"],
      { files: { [codex]: entry(pyro, "mcp", "serve", "--tools", "no_such_tool") } },
    ],
  ] as const)
    it(`is not connected: ${code}`, async () => {
      const { files, programs } = given as { files?: Record<string, string>; programs?: string[] };
      assert.equal(
        codeOf(await host(args, { ...(files && { files }), ...(programs && { programs }) })),
        code,
      );
    });

  it("is not connected: host_config_unwritable", async () => {
    mkdirSync(join(project, ".codex"));
    symlinkSync("/proc/nowhere/file", join(project, codex));
    const ended = await host(["connect", "codex", "--scope", "project"]);
    assert.equal(codeOf(ended), "host_config_unwritable");
    assert.ok(!existsSync(join(project, codex)));
  });
});
