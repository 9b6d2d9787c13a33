import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it } from "node:test";
import { PyroHome, repository } from "../support/home.ts";
import { findSupervisors } from "../support/host-processes.ts";
import { SupervisedWorkspace } from "../support/supervised-workspace.ts";
import { until } from "../support/until.ts";

/** How each shell is started so that it reads nothing of its user's, and how it learns what it is to complete. */
const shells = {
  bash: { command: "bash --noprofile --norc -i", learn: 'eval "$(pyro completion bash)"' },
  zsh: {
    command: "zsh -f -i",
    learn: 'autoload -Uz compinit; compinit -u -D; bindkey -e; eval "$(pyro completion zsh)"',
  },
  fish: { command: "fish --no-config -i", learn: "pyro completion fish | source" },
} as const;
type ShellName = keyof typeof shells;

function isInstalled(shell: ShellName): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${shell}`]);
    return true;
  } catch {
    return false;
  }
}

const [begin, end] = ["\u0001", "\u0005"];

/** A person's shell on a terminal, in which keys are pressed. */
class Typist implements AsyncDisposable {
  readonly #child;
  #shown = "";
  #marks = 0;

  private constructor(
    shell: ShellName,
    { env, cwd }: { env: Record<string, string>; cwd: string },
  ) {
    const line = `stty rows 40 cols 160; exec ${shells[shell].command}`;
    this.#child = spawn("script", ["-qec", line, "/dev/null"], { cwd, env });
    this.#child.stdout.on("data", (chunk) => {
      this.#shown += String(chunk);
    });
  }

  static async open(
    shell: ShellName,
    place: { env: Record<string, string>; cwd: string },
  ): Promise<Typist> {
    const typist = new Typist(shell, place);
    typist.#child.stdin.write(`${shells[shell].learn}\r`);
    await typist.complete("");
    return typist;
  }

  /** What the line is once Tab was pressed after `text`. */
  async complete(text: string): Promise<string> {
    // The shell itself says what the line has become: as a word of a command that prints it.
    const mark = `mark${++this.#marks}`;
    const tab = text === "" ? "" : "\t";
    this.#child.stdin.write(`${text}${tab}${begin}echo '${mark}<${end}>'\r`);
    const said = new RegExp(`^${mark}<(.*)>\r?$`, "m");
    await until(`${JSON.stringify(text)} is completed: ${this.#shown.slice(-1000)}`, () =>
      said.test(this.#shown),
    );
    return said.exec(this.#shown)?.[1] ?? "";
  }

  /** Everything that was shown since the start. */
  get shown(): string {
    return this.#shown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
  }
}

const service = {
  name: "server",
  state: "running",
  reason: null,
  startedAt: null,
  readyAt: null,
  endedAt: null,
  exitCode: null,
  signal: null,
  outOfMemory: false,
  restartCount: 0,
  lastProbe: null,
  isResumable: false,
  definition: {
    command: ["sleep", "1000"],
    cwd: "/workspace",
    env: {},
    readiness: { kind: "none" },
    readyTimeoutMs: 1,
    readyIntervalMs: 1,
    stopGraceMs: 1,
    restart: "no",
    publishedPorts: [],
  },
} as const;

/** Shells as a guest tells of them, whatever their ids. */
function shellList(...ids: readonly string[]): string {
  const counts = { pid: 2, cols: 80, rows: 24, age_ms: 1, idle_ms: 1, attached_count: 0 };
  const positions = { first_position: 0, next_position: 0 };
  return JSON.stringify({ shells: ids.map((id) => ({ id, ...counts, ...positions })) });
}

/** Shells differ in what they add for the next word, or take away again with it. */
function withoutEnd(line: string): string {
  return line.replace(/[ /]$/, "");
}

describe("completion", () => {
  let workspace: SupervisedWorkspace;
  let home: PyroHome;
  let place: { env: Record<string, string>; cwd: string };
  let guestShells = shellList("sh-1a2b3c4d", "sh-ffff0000");

  before(async () => {
    home = PyroHome.empty();
    workspace = await SupervisedWorkspace.start({ name: "demo-web", labels: { task: "42" } });
    workspace.lie = (stream, headers) => {
      const isList = headers[":path"] === "/v1/shell/list";
      stream.respond({ ":status": isList ? 200 : 500, "content-type": "application/json" });
      stream.end(isList ? guestShells : "");
    };
    const { records, workspaceId } = workspace;
    const at = { createdAt: "2026-01-01T00:00:00.000Z", storedBytes: 1 };
    records.snapshots.insert(workspaceId, { name: "before-fix", ...at });
    records.services.put(workspaceId, service, 64);
    records.ports.put(workspaceId, { hostPort: 8080, guestPort: 80, service: "server" });
    const secret = { name: "TOKEN", value: "never-offered", sourceKind: "value" } as const;
    records.workspaces.changeEgress(workspaceId, () => ({
      preset: "open",
      rules: ["deny api.example.com:443"],
      temporaryRules: [],
      ownRegistries: [],
      project: null,
    }));
    records.secrets(workspaceId).change({ set: [secret], remove: [] });
    const [bin, cwd] = [join(home.directory, "bin"), join(home.directory, "place")];
    for (const directory of [bin, join(cwd, "sources")]) mkdirSync(directory, { recursive: true });
    writeFileSync(join(cwd, "fix.patch"), "");
    symlinkSync(join(repository, "bin", "pyro"), join(bin, "pyro"));
    const PATH = `${bin}:${home.env.PATH}`;
    const terminal = { TERM: "xterm-256color", LANG: "C.UTF-8" };
    const PYRO_STATE_DIR = workspace.stateDirectory;
    place = { cwd, env: { ...home.env, ...terminal, PATH, PYRO_STATE_DIR } };
    // The first client has to wait until it listens.
    await workspace.connect();
  });
  after(async () => {
    await workspace[Symbol.asyncDispose]();
    await home.dispose();
  });

  /** What is typed, and what it becomes. */
  const lines: readonly (readonly [typed: string, becomes: string])[] = [
    ["pyro works", "pyro workspace "],
    ["pyro ws snap", "pyro ws snapshot "],
    ["pyro workspace exec --time", "pyro workspace exec --timeout-seconds "],
    ["pyro workspace exec demo", "pyro workspace exec demo-web "],
    ["pyro ws stop ws-0", "pyro ws stop ws-000000000001 "],
    ["pyro run debian:12-ba", "pyro run debian:12-base "],
    ["pyro ws shell read demo-web sh-1", "pyro ws shell read demo-web sh-1a2b3c4d "],
    ["pyro ws port unpublish demo-web 8", "pyro ws port unpublish demo-web 8080 "],
    ["pyro workspace service logs demo-web s", "pyro workspace service logs demo-web server "],
    ["pyro ws reset demo-web --snapshot be", "pyro ws reset demo-web --snapshot before-fix "],
    ["pyro ws reset demo-web --snapshot=be", "pyro ws reset demo-web --snapshot=before-fix "],
    ["pyro ws network remove demo-web api", "pyro ws network remove demo-web api.example.com:443 "],
    [
      "pyro ws network allow demo-web a --network-preset r",
      "pyro ws network allow demo-web a --network-preset registries ",
    ],
    ["pyro ws secret rm demo-web T", "pyro ws secret rm demo-web TOKEN "],
    ["pyro ws exec demo-web --secret-env T", "pyro ws exec demo-web --secret-env TOKEN "],
    ["pyro ws create --network-policy of", "pyro ws create --network-policy off "],
    ["pyro ws sync push demo-web sou", "pyro ws sync push demo-web sources/"],
    [
      "pyro ws patch apply demo-web --patch-file f",
      "pyro ws patch apply demo-web --patch-file fix.patch ",
    ],
    ["pyro ws exec demo-web -- cat fi", "pyro ws exec demo-web -- cat fi"],
    [
      "pyro ws exec no-such-workspace --secret-env T",
      "pyro ws exec no-such-workspace --secret-env T",
    ],
  ];

  for (const shell of Object.keys(shells) as ShellName[])
    it(`completes commands, options and names in ${shell}`, {
      skip: !isInstalled(shell) && `${shell} is not installed`,
    }, async () => {
      await using typist = await Typist.open(shell, place);
      for (const [typed, becomes] of lines)
        assert.equal(withoutEnd(await typist.complete(typed)), withoutEnd(becomes));
      assert.doesNotMatch(typist.shown, /error|hint|Warning/);
    });

  /** What pyro answers to whatever shell asks; the last word is the one that is completed. */
  const answer = async (words: readonly string[], env: Record<string, string> = {}) => {
    const { PYRO_STATE_DIR = "" } = place.env;
    const asked = home.pyro(["__complete", ...words], { env: { PYRO_STATE_DIR, ...env } });
    const { code, stdout, stderr } = await asked;
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout;
  };
  const status = ["workspace", "status", ""];

  it("offers a workspace by its name, and says what it is", async () => {
    assert.equal(await answer(status), "demo-web\tstarted, debian:12\n");
    assert.equal(await answer(["ws", "list", "--label", ""]), "task=42\t\n");
    assert.equal(await answer(["ws", "delete", "demo-web", ""]), "");
  });

  it("waits for nobody who changes the registry", async () => {
    using writer = new DatabaseSync(join(workspace.stateDirectory, "registry.sqlite"));
    writer.exec("BEGIN IMMEDIATE; UPDATE workspaces SET name = 'not-yet'");
    assert.match(await answer(status), /^demo-web\t/);
    writer.exec("ROLLBACK");
  });

  it("lets nothing through that a terminal would obey, or a shell expand", async () => {
    const path = join(workspace.stateDirectory, "registry.sqlite");
    using registry = new DatabaseSync(path);
    const change = registry.prepare("UPDATE workspaces SET name = ?, environment = ?");
    for (const text of ["\u001b[2Jx", "$(touch x)", "a b", "`id`", "x\ty", "x\ny"]) {
      change.run(text, text);
      assert.equal(await answer(status), "");
      change.run("demo-web", text);
      assert.match(await answer(status), /^demo-web\tstarted, [^\t\n\u001b]+\n$/);
    }
    change.run("demo-web", "debian:12");
    guestShells = shellList("sh-1", "sh-$(id)");
    assert.equal(await answer(["ws", "shell", "read", "demo-web", ""]), "");
  });

  it("starts nothing, and says nothing where there is nothing to say", async () => {
    await workspace.break();
    await workspace.supervised.catch(() => undefined);
    assert.equal(await answer(["ws", "shell", "read", "demo-web", ""]), "");
    assert.match(await answer(["ws", "service", "logs", "demo-web", ""]), /^server\t/);
    assert.deepEqual(findSupervisors(workspace.stateDirectory), []);
    const damaged = join(home.directory, "damaged");
    mkdirSync(damaged);
    writeFileSync(join(damaged, "registry.sqlite"), "not a database, but long".repeat(99));
    for (const directory of [join(home.directory, "absent"), damaged, "not absolute"])
      assert.equal(await answer(status, { PYRO_STATE_DIR: directory }), "");
    assert.deepEqual(readdirSync(damaged), ["registry.sqlite"]);
  });
});
