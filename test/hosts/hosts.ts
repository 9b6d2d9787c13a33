import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import type { Ended } from "../support/process.ts";
import { agentPrograms, installAgents } from "./agents.ts";
import { type PlannedCall, StandInModel } from "./stand-in-model.ts";

// `make test-hosts`. Real coding agents, real guests; only the model is not one.

let home: PyroHome;
let project: string;

before(async () => {
  await installAgents();
  home = await PyroHome.warm();
  project = join(home.directory, "project");
  mkdirSync(project);
  writeFileSync(join(project, "hello.txt"), "hello\n");
  execFileSync("git", ["init", "--quiet", project]);
});

after(async () => {
  const { stdout } = await home.pyro(["workspace", "list", "--json"]);
  for (const { workspace_id } of JSON.parse(stdout).workspaces)
    await home.pyro(["workspace", "delete", workspace_id]);
  await home.dispose();
});

interface Driver {
  readonly list: readonly string[];
  readonly listed: RegExp;
  /** Whether it asks its user what a server wants to know; without a user it says no. */
  readonly asks: boolean;
  /** The command that has the agent work with the stand-in. */
  run(model: StandInModel): { command: readonly string[]; env?: Record<string, string> };
}

const drivers: Record<string, Driver> = {
  "claude-code": {
    list: ["claude", "mcp", "list"],
    asks: true,
    listed: /pyro: .*bin\/pyro mcp serve.*Connected/,
    run: (model) => ({
      command: [
        "claude",
        ...["-p", "go", "--allowedTools", "mcp__pyro__*"],
        ...["--output-format", "stream-json", "--verbose"],
      ],
      env: {
        ANTHROPIC_BASE_URL: model.url,
        ANTHROPIC_API_KEY: "none",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        ENABLE_TOOL_SEARCH: "false",
      },
    }),
  },
  codex: {
    list: ["codex", "mcp", "get", "pyro"],
    asks: true,
    listed: /command: .*bin\/pyro\n\s+args: mcp serve\n/,
    run: (model) => {
      const provider = `{name="none",base_url="${model.url}/v1",wire_api="responses",requires_openai_auth=false,supports_websockets=false}`;
      const settings = [
        'model_provider="none"',
        'model="none"',
        `model_providers.none=${provider}`,
        'mcp_servers.pyro.default_tools_approval_mode="approve"',
      ];
      return {
        command: [
          ...["codex", "exec", "--skip-git-repo-check", "--json"],
          ...settings.flatMap((setting) => ["-c", setting]),
          "go",
        ],
      };
    },
  },
  opencode: {
    list: ["opencode", "mcp", "list"],
    asks: false,
    listed: /pyro.*connected/,
    run: (model) => ({
      command: ["opencode", "run", "--format", "json", "--model", "none/none", "go"],
      env: {
        OPENCODE_DISABLE_MODELS_FETCH: "1",
        OPENCODE_DISABLE_AUTOUPDATE: "1",
        OPENCODE_CONFIG_CONTENT: JSON.stringify({
          provider: {
            none: {
              npm: "@ai-sdk/openai-compatible",
              options: { baseURL: `${model.url}/v1`, apiKey: "none" },
              models: { none: { name: "none", tool_call: true } },
            },
          },
          permission: { "*": "allow" },
        }),
      },
    }),
  },
};

for (const [host, driver] of Object.entries(drivers)) {
  test(`${host} is connected, lists the server, and works in a workspace`, {
    timeout: 300_000,
  }, async () => {
    const user = new AgentUser(host);
    const connected = await user.run(["pyro", "host", "connect", host, "--json"]);
    assert.equal(connected.code, 0, connected.stdout + connected.stderr);
    const report = await user.run(["pyro", "host", "doctor", host, "--json"]);
    assert.equal(JSON.parse(report.stdout).healthy, true, report.stdout);
    const listed = await user.run(driver.list);
    assert.match(listed.stdout + listed.stderr, driver.listed);

    const exported = join(project, `${host}.txt`);
    const plan = workspacePlan(`of-${host}`, exported);
    await using model = await StandInModel.start(plan);
    const { command, env } = driver.run(model);
    const ended = await user.run(command, env);
    const record = join(home.directory, `${host}.json`);
    writeFileSync(record, JSON.stringify(model.shown, null, 1));
    const [create = "", exec = "", write = "", diff = "", , remove = ""] = model.results;
    assert.equal(model.results.length, plan.length, `${ended.stdout}\n${ended.stderr}`);
    assert.match(create, /workspace_id/);
    assert.match(exec, /exit 0/);
    assert.match(exec, /hello/);
    assert.match(write, /note\.txt/);
    assert.match(diff, /\+a note/);
    assert.equal(readFileSync(exported, "utf8"), "a note\n");
    assert.doesNotMatch(remove, /workspace_not_found/);
    const { stdout } = await home.pyro(["workspace", "list", "--json"]);
    assert.deepEqual(JSON.parse(stdout).workspaces, []);

    const gone = await user.run(["pyro", "host", "disconnect", host, "--json"]);
    assert.equal(JSON.parse(gone.stdout).action, "disconnected");
    const left = await user.run(driver.list);
    assert.doesNotMatch(left.stdout, driver.listed);
  });
}

for (const [host, driver] of Object.entries(drivers)) {
  test(`${host} tells its model what was denied, when nobody is there to be asked`, {
    timeout: 300_000,
  }, async () => {
    const user = new AgentUser(`${host}-alone`);
    await user.run(["pyro", "host", "connect", host]);
    const workspace_id = await createNetworked(`denied-to-${host}`);
    const call = {
      tool: "workspace_exec",
      input: { workspace_id, command: ["bash", "-c", trying] },
    };
    await using model = await StandInModel.start([call]);
    const { command, env } = driver.run(model);
    const ended = await user.run(command, env);
    const [exec = ""] = model.results;
    assert.match(exec, /Denied by the network rules: telemetry\.example:80/, ended.stderr);
    assert.equal(/Asked just now, nobody allowed telemetry/.test(exec), driver.asks);
    await home.pyro(["workspace", "delete", workspace_id]);
  });
}

test("codex answers tool calls without a model", { timeout: 120_000 }, async () => {
  const user = new AgentUser("codex-app-server");
  await user.run(["pyro", "host", "connect", "codex"]);
  await using server = new AppServer(user);
  await server.ask("initialize", { clientInfo: { name: "test", version: "1" } });
  server.tell("initialized");
  const { thread } = await server.ask("thread/start", {
    cwd: project,
    approvalPolicy: "never",
    sandbox: "read-only",
  });
  const status = JSON.stringify(await server.ask("mcpServerStatus/list", { threadId: thread.id }));
  assert.match(status, /workspace_create/);
  const { content } = await server.ask("mcpServer/tool/call", {
    threadId: thread.id,
    server: "pyro",
    tool: "vm_run",
    arguments: { environment: baseEnvironment, command: ["echo", "from a guest"] },
  });
  assert.match(content[0].text, /from a guest/);
});

test("codex asks its user what a workspace may reach", { timeout: 120_000 }, async () => {
  const user = new AgentUser("codex-asks");
  await user.run(["pyro", "host", "connect", "codex"]);
  const workspace_id = await createNetworked("codex-asks");
  await using server = new AppServer(user);
  server.onRequest = ({ method, params }) => {
    assert.equal(method, "mcpServer/elicitation/request");
    assert.match(JSON.stringify(params), /Allow telemetry\.example:80\?/);
    return { action: "accept", content: { target_1: "for this workspace" } };
  };
  await server.ask("initialize", { clientInfo: { name: "test", version: "1" } });
  server.tell("initialized");
  const { thread } = await server.ask("thread/start", {
    cwd: project,
    approvalPolicy: "on-request",
    sandbox: "read-only",
  });
  const { content } = await server.ask("mcpServer/tool/call", {
    threadId: thread.id,
    server: "pyro",
    tool: "workspace_exec",
    arguments: { workspace_id, command: ["bash", "-c", trying] },
  });
  assert.match(content[0].text, /the user allowed telemetry\.example:80 for this workspace/);
  const shown = await home.pyro(["workspace", "network", "show", workspace_id]);
  assert.match(shown.stdout, /^allow telemetry\.example:80$/m);
  await home.pyro(["workspace", "delete", workspace_id]);
});

const trying = "exec 3<>/dev/tcp/telemetry.example/80";

async function createNetworked(name: string): Promise<string> {
  const network = ["--network-policy", "egress", "--network-preset", "none"];
  const create = ["workspace", "create", baseEnvironment, "--name", name, ...network];
  const { code, stderr } = await home.pyro(create);
  assert.equal(code, 0, stderr);
  return name;
}

function workspacePlan(name: string, exported: string): PlannedCall[] {
  const workspace_id = name;
  return [
    { tool: "workspace_create", input: { environment: baseEnvironment, name, ttl_seconds: 600 } },
    { tool: "workspace_exec", input: { workspace_id, command: ["cat", "hello.txt"] } },
    { tool: "workspace_file_write", input: { workspace_id, path: "note.txt", text: "a note\n" } },
    { tool: "workspace_diff", input: { workspace_id } },
    { tool: "workspace_export", input: { workspace_id, path: "note.txt", output_path: exported } },
    { tool: "workspace_delete", input: { workspace_id } },
  ];
}

/** Somebody with a home of their own, in which an agent keeps what it likes. */
class AgentUser {
  readonly env: Record<string, string>;

  constructor(name: string) {
    const directory = join(home.directory, "homes", name);
    mkdirSync(directory, { recursive: true });
    const PATH = `${agentPrograms}:${join(import.meta.dirname, "..", "..", "bin")}:${process.env.PATH}`;
    this.env = { HOME: directory, PATH };
  }

  start(command: readonly string[], env: Record<string, string> = {}, openInput = false) {
    const all = { ...this.env, ...env };
    return home.startProgram(["env", ...command], { env: all, cwd: project, openInput });
  }

  async run(command: readonly string[], env?: Record<string, string>): Promise<Ended> {
    return await this.start(command, env).ended;
  }
}

/** `codex app-server`: one JSON object a line. */
class AppServer implements AsyncDisposable {
  readonly #process: ReturnType<AgentUser["start"]>;
  // biome-ignore lint/suspicious/noExplicitAny: another program's protocol
  readonly #waiting = new Map<number, (message: any) => void>();
  #rest = "";
  #id = 0;
  // biome-ignore lint/suspicious/noExplicitAny: another program's protocol
  onRequest: ((message: any) => object) | undefined;

  constructor(user: AgentUser) {
    this.#process = user.start(["codex", "app-server"], {}, true);
    this.#process.child.stdout.on("data", (chunk: Buffer) => {
      const lines = (this.#rest + chunk).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines.filter(Boolean)) {
        const message = JSON.parse(line);
        if (message.method === undefined) this.#waiting.get(message.id)?.(message);
        else if (message.id !== undefined)
          this.#send({ id: message.id, result: this.onRequest?.(message) });
      }
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: another program's protocol
  ask(method: string, params: object): Promise<any> {
    this.#id += 1;
    const id = this.#id;
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) =>
        error === undefined
          ? resolve(result)
          : reject(new TypeError(`${method}: ${JSON.stringify(error)}`)),
      );
    });
    this.#send({ id, method, params });
    return answer;
  }

  tell(method: string): void {
    this.#send({ method });
  }

  #send(message: object): void {
    this.#process.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.child.stdin.end();
    await this.#process.kill();
  }
}
