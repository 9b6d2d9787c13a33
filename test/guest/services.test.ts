import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PyroError, type StartServiceOptions } from "../../src/index.ts";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

const sleeper = ["sleep", "600"];

/** A web server whose first answers are not yet what a probe waits for. */
const web = (port: number, refusals = 0) => [
  "python3",
  "-c",
  `import http.server
class H(http.server.BaseHTTPRequestHandler):
    left = ${refusals}
    def do_GET(self):
        H.left -= 1
        self.send_response(503 if H.left >= 0 else 200); self.end_headers(); self.wfile.write(b'hello')
http.server.HTTPServer(('127.0.0.1', ${port}), H).serve_forever()`,
];

const sh = (line: string) => ["sh", "-c", line];

describe("services of a workspace", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    await ws.home.pull("debian:12");
    ({ workspaceId: id } = await ws.create({ name: "served", environment: "debian:12" }));
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const start = (name: string, options: StartServiceOptions) =>
    ws.pyro.startService(id, name, options);
  /** How the start of a service that does not become ready fails. */
  const failure = async (name: string, options: StartServiceOptions) => {
    const error = await start(name, options).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof PyroError, `${name} is ready`);
    return error;
  };

  it("are ready when what was asked for is there", async () => {
    const wanted: Record<string, StartServiceOptions> = {
      file: {
        command: sh("sleep 0.2; touch up; sleep 600"),
        readiness: { kind: "file", path: "up" },
      },
      tcp: { command: web(8001), readiness: { kind: "tcp", address: "8001" } },
      http: { command: web(8002, 2), readiness: { kind: "http", url: "http://localhost:8002/x" } },
      command: {
        command: sh("sleep 0.2; echo > $MARK; sleep 600"),
        env: { MARK: "marked" },
        readiness: { kind: "command", command: sh("test -e $MARK") },
      },
      log: {
        command: sh("printf 'listen'; sleep 0.2; echo 'ing on 80'; sleep 600"),
        readiness: { kind: "log", text: "listening on" },
      },
      none: { command: sleeper },
    };
    for (const [name, options] of Object.entries(wanted)) {
      const service = await start(name, options);
      assert.deepEqual([service.state, service.readiness.ready], ["running", true], name);
      assert.ok(service.startedAt !== null && service.readyAt !== null, name);
    }
    const { services } = await ws.pyro.listServices(id);
    assert.deepEqual(
      services.map(({ name }) => name),
      Object.keys(wanted).sort(),
    );
    const listed = (await ws.pyro.listWorkspaces()).workspaces[0];
    assert.deepEqual([listed?.serviceCount, listed?.runningServiceCount], [6, 6]);
    const stopped = await ws.pyro.stopService(id, "none");
    assert.deepEqual([stopped.state, stopped.signal], ["stopped", "TERM"]);
    assert.equal((await ws.pyro.statusWorkspace(id)).runningServiceCount, 5);
    for (const name of Object.keys(wanted)) await ws.pyro.stopService(id, name);
  });

  it("are ready by a file of their own run, not by one that was left", async () => {
    await ws.sh(id, "touch left");
    const readiness = { kind: "file", path: "left" } as const;
    const error = await failure("stale", { command: sleeper, readiness, readyTimeoutSeconds: 2 });
    assert.equal(error.code, "service_not_ready");
    assert.match(error.message, /"\/workspace\/left" is there from before the start/);
    const renewals = {
      touched: "touch left",
      written: "echo up > left",
      replaced: "touch new; mv new left",
    };
    for (const [name, line] of Object.entries(renewals)) {
      const service = await start(name, {
        command: sh(`echo renewed; ${line}; exec sleep 600`),
        readiness,
      });
      assert.equal(service.state, "running");
      await ws.pyro.restartService(id, name);
      await until("both runs have spoken", async () => {
        const { stdout } = await ws.pyro.logsService(id, name);
        return stdout === "renewed\nrenewed\n";
      });
      await ws.pyro.stopService(id, name);
    }
  });

  it("that end before they are ready are told of at once, with their last lines", async () => {
    const began = performance.now();
    const error = await failure("early", {
      command: sh("for i in $(seq 30); do echo line $i; done; sleep 0.1; echo broken >&2; exit 3"),
      readiness: { kind: "tcp", address: "localhost:1" },
      readyTimeoutSeconds: 3600,
      restart: "on-failure",
    });
    assert.equal(error.code, "service_failed");
    assert.match(error.message, /exit code 3 before it was ready/);
    assert.match(error.message, /line 12\n[\s\S]*line 30\nbroken$/);
    assert.doesNotMatch(error.message, /line 11\n/);
    assert.ok(performance.now() - began < 600_000);
    const { state, exitCode } = await ws.pyro.statusService(id, "early");
    assert.deepEqual([state, exitCode], ["failed", 3]);
    const missing = await failure("missing", { command: ["no-such-program"] });
    assert.match(missing.message, /exit code 127\): no program "no-such-program"/);
    assert.equal((await ws.pyro.statusService(id, "missing")).exitCode, 127);
    const gone = await failure("gone", {
      command: sh("true"),
      readiness: { kind: "log", text: "x" },
    });
    assert.match(
      `${gone.message} ${gone.hint}`,
      /exit code 0 before it was ready[\s\S]*foreground/,
    );
  });

  it("that are not ready in time are stopped, and what was seen last is told", async () => {
    const seen: Record<string, [StartServiceOptions["readiness"], RegExp]> = {
      refused: [{ kind: "tcp", address: "localhost:1" }, /port 1: connection refused/],
      silent: [{ kind: "http", url: "http://localhost:8003/" }, /no answer in time/],
      file: [{ kind: "file", path: "/no/such/file" }, /"\/no\/such\/file" does not exist/],
      command: [
        { kind: "command", command: sh("echo not yet; exit 4") },
        /exit code 4 and said "not yet/,
      ],
    };
    const listener = `import socket,time; s=socket.socket(); s.bind(('127.0.0.1', 8003)); s.listen(); print('alive', flush=True); time.sleep(600)`;
    for (const [name, [readiness, words]] of Object.entries(seen)) {
      const command = name === "silent" ? ["python3", "-c", listener] : sh("echo alive; sleep 600");
      const error = await failure(name, { command, readiness, readyTimeoutSeconds: 2 });
      assert.equal(error.code, "service_not_ready");
      assert.match(error.message, words);
      assert.match(error.message, /alive$/);
      assert.equal((await ws.pyro.statusService(id, name)).state, "failed");
    }
    assert.equal(
      await ws.sh(id, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c '[s]leep 600' || true"),
      "0\n",
    );
  });

  it("write logs that are read in parts, and go on when they are started again", async () => {
    await start("talker", {
      command: sh(
        "for i in 1 2 3; do echo out $i; sleep 0.05; echo err $i >&2; sleep 0.05; done; printf 'no end'",
      ),
    });
    for (;;) {
      const { state } = await ws.pyro.statusService(id, "talker");
      if (state === "exited") break;
    }
    const all = await ws.pyro.logsService(id, "talker");
    assert.deepEqual(
      all.lines.map(({ stream, text }) => `${stream} ${text}`),
      [
        "stdout out 1",
        "stderr err 1",
        "stdout out 2",
        "stderr err 2",
        "stdout out 3",
        "stderr err 3",
        "stdout no end",
      ],
    );
    assert.deepEqual(
      [all.stdout, all.stderr, all.truncated],
      ["out 1\nout 2\nout 3\nno end\n", "err 1\nerr 2\nerr 3\n", false],
    );
    const last = await ws.pyro.logsService(id, "talker", { tailLines: 2 });
    assert.deepEqual(
      [last.lines.map(({ text }) => text), last.truncated],
      [["err 3", "no end"], true],
    );
    const none = await ws.pyro.logsService(id, "talker", { since: new Date(Date.now() + 60_000) });
    assert.deepEqual(none.lines, []);
    await ws.pyro.restartService(id, "talker");
    const later = await ws.pyro.logsService(id, "talker", { cursor: all.nextCursor });
    assert.ok(later.lines.every(({ text }) => !text.includes("no end\nno end")));
    const followed: string[] = [];
    await ws.pyro.followServiceLogs(id, "talker", {
      cursor: all.nextCursor,
      onLine: ({ text }) => void followed.push(text.toString()),
    });
    assert.deepEqual(followed, ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3", "no end"]);
    assert.equal(
      await ws.sh(id, "find / -name '*talker*' -not -path '/proc/*' 2>/dev/null | wc -l"),
      "0\n",
    );
    assert.equal(
      (await ws.pyro.diffWorkspace(id)).changes.some(({ path }) => path.includes("talker")),
      false,
    );
  });

  it("write control characters that listings make visible", async () => {
    const loud = "printf '\\033]52;c;aGk=\\007\\033[2Jo\\tut\\n'; printf '\\033[8mhidden\\n' >&2";
    await start("loud", { command: sh(`${loud}; : \u202e\u001b[2J`) });
    await until("it has ended", async () => {
      return (await ws.pyro.statusService(id, "loud")).state === "exited";
    });
    const cli = (...args: string[]) => ws.home.pyro(["workspace", "service", ...args]);
    const logs = await cli("logs", id, "loud");
    assert.deepEqual(
      [logs.stdout, logs.stderr],
      ["\\x1b]52;c;aGk=\\x07\\x1b[2Jo\tut\n", "\\x1b[8mhidden\n"],
    );
    assert.equal(
      (await cli("logs", id, "loud", "--raw")).stdout,
      "\u001b]52;c;aGk=\u0007\u001b[2Jo\tut\n",
    );
    const error = await cli("start", id, "broken", "--ready-log", "x", "--", "sh", "-c", loud);
    const texts = [
      (await cli("list", id)).stdout,
      (await cli("status", id, "loud")).stdout,
      (await ws.home.pyro(["workspace", "summary", id])).stdout,
      error.stderr,
      (await cli("status", id, "x\u001b[2J")).stderr,
    ];
    for (const text of texts) {
      assert.match(text, /loud|broken|x\\x1b/);
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f\u202e]/, JSON.stringify(text));
    }
    assert.match(error.stderr, /\\x1b\[8mhidden/);
  });

  it("are started again when they fail, and counted", async () => {
    await start("flaky", {
      command: sh("echo x >> runs; [ $(wc -l < runs) -lt 3 ] && exit 7; sleep 600"),
      restart: "on-failure",
    });
    for (;;) {
      const { restartCount, state } = await ws.pyro.statusService(id, "flaky");
      if (restartCount === 2 && state === "running") break;
    }
    await ws.pyro.stopService(id, "flaky");
    const { events } = await ws.pyro.summarizeWorkspace(id);
    assert.ok(
      events.some(({ kind, text }) => kind === "service" && /flaky is started again/.test(text)),
    );
  });

  it("end with their workspace's machine, say why, and are resumed when that is asked for", async () => {
    await start("kept", {
      command: sh("echo up; exec sleep 600"),
      readiness: { kind: "log", text: "up" },
    });
    await ws.pyro.stopWorkspace(id);
    const { services } = await ws.pyro.listServices(id);
    const kept = services.find(({ name }) => name === "kept");
    assert.deepEqual([kept?.state, kept?.reason], ["stopped", "the workspace was stopped"]);
    assert.equal((await ws.pyro.statusWorkspace(id)).runningServiceCount, 0);
    await ws.pyro.startWorkspace(id);
    assert.equal((await ws.pyro.statusService(id, "kept")).state, "stopped");
    await ws.pyro.stopWorkspace(id);
    await ws.pyro.startWorkspace(id, { resumeServices: true });
    assert.equal((await ws.pyro.statusService(id, "kept")).state, "running");
    assert.equal((await ws.pyro.logsService(id, "kept")).stdout, "up\nup\n");
    assert.equal((await ws.pyro.statusService(id, "early")).state, "failed");
    await ws.pyro.resetWorkspace(id);
    assert.deepEqual((await ws.pyro.listServices(id)).services, []);
    assert.equal((await refusal(ws.pyro.logsService(id, "kept"))).code, "service_not_found");
  });

  it("cannot be what makes no sense", async () => {
    const bad: [string, StartServiceOptions, RegExp][] = [
      ["no spaces", { command: sleeper }, /"no spaces" cannot be the name of a service/],
      ["..", { command: sleeper }, /cannot be the name/],
      ["x\u001b[2J", { command: sleeper }, /cannot be the name/],
      ["a", { command: [] }, /command is empty/],
      ["a", { command: sleeper, env: { "a=b": "c" } }, /"a=b"/],
      [
        "a",
        { command: sleeper, readiness: { kind: "tcp", address: "example.org:80" } },
        /not an address of the guest/,
      ],
      [
        "a",
        { command: sleeper, readiness: { kind: "tcp", address: "localhost:0" } },
        /port from 1 to 65535/,
      ],
      [
        "a",
        { command: sleeper, readiness: { kind: "tcp", address: "localhost:65536" } },
        /port from 1 to 65535/,
      ],
      [
        "a",
        { command: sleeper, readiness: { kind: "http", url: "http://10.0.0.1/" } },
        /not an address of the guest/,
      ],
      [
        "a",
        { command: sleeper, readiness: { kind: "http", url: "file:///etc" } },
        /not an http or https URL/,
      ],
      ["a", { command: sleeper, readyTimeoutSeconds: 0 }, /readyTimeoutSeconds is 0/],
      ["a", { command: sleeper, readyIntervalMs: 0 }, /readyIntervalMs is 0/],
      ["a", { command: sleeper, publishedPorts: [0] }, /guestPort is 0/],
      ["a", { command: sleeper, publishedPorts: [65_536] }, /guestPort is 65536/],
      [
        "a",
        { command: sleeper, publishedPorts: [{ guestPort: 1, hostPort: -1 }] },
        /hostPort is -1/,
      ],
    ];
    for (const [name, options, words] of bad) {
      const { code, message } = await refusal(start(name, options));
      assert.equal(code, "invalid_argument", message);
      assert.match(message, words);
    }
    const { code, hint } = await refusal(start("a", { command: sleeper, publishedPorts: [80] }));
    assert.equal(code, "network_policy_refused");
    assert.match(hint ?? "", /--network-policy published-ports/);
    await start("web", { command: sleeper });
    assert.equal((await refusal(ws.pyro.statusService(id, "wbe"))).hint, "Did you mean web?");
    assert.equal((await refusal(start("web", { command: sleeper }))).code, "service_exists");
    await ws.pyro.stopService(id, "web");
  });

  it("are as many as can be, and the one that ended first makes way", async () => {
    for (let number = 0; number < 64; number++) await start(`many-${number}`, { command: sleeper });
    const { code } = await refusal(start("another", { command: sleeper }));
    assert.equal(code, "service_limit_exceeded");
    await ws.pyro.stopService(id, "many-7");
    await start("another", { command: sleeper });
    const { services } = await ws.pyro.listServices(id);
    assert.equal(services.length, 64);
    assert.ok(!services.some(({ name }) => name === "many-7"));
    await ws.pyro.deleteWorkspace(id);
  });
});
