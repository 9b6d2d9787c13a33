import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import type { PyroError, StartServiceOptions } from "../../src/index.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

const random = (bytes: number) => randomBytes(bytes).toString("hex");
const short = `short-${random(6)}`;
const long = `${short}${random(20)}`;
const key = `-----BEGIN KEY-----\n${random(24)}\n${random(24)}\n-----END KEY-----\n`;
const [, firstLine = "", secondLine = ""] = key.split("\n");
const scan = new SecretScan([short, long, long.slice(short.length), firstLine, secondLine]);
const secretEnv = { SHORT: "S", LONG: "L", KEY: "K" };
/** What is longer than this of a value is too much of it. */
const tellingLength = 6;

describe("secrets that begin alike or have several lines", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create({
      secrets: [
        { name: "SHORT", value: short },
        { name: "LONG", value: long },
        { name: "KEY", value: key },
      ],
    }));
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  /** That no stretch of a value can be seen that tells anything of it. */
  const assertHidden = (text: string, what: string) => {
    for (const value of [long, firstLine, secondLine])
      for (let at = 0; at + tellingLength <= value.length; at++)
        assert.ok(!text.includes(value.slice(at, at + tellingLength)), `${what}: ${text}`);
  };
  const open = async (script: string, size = {}) => {
    const command = ["sh", "-c", script];
    return (await ws.pyro.openShell(id, { command, secretEnv, ...size })).shellId;
  };

  it("are each told by name, whichever way output is read", async () => {
    const line = 'echo "$S|$L|$S$L|"; echo "$K"; printf "%s" "$L" | dd bs=1 2>/dev/null; echo "."';
    // Of a value that comes byte by byte, the first three may be shown.
    const wanted =
      /^\[REDACTED:SHORT\]\|\[REDACTED:LONG\]\|\[REDACTED:(SHORT|LONG)\]\[REDACTED:LONG\]\|\s+\[REDACTED:KEY\]\s+.{0,3}\[REDACTED:LONG\]\.\s/;
    const ran = await ws.pyro.execWorkspace(id, { command: ["sh", "-c", line], secretEnv });
    assert.match(ran.stdout, wanted);
    const shellId = await open(`${line}; echo over; read x`, { cols: 200 });
    for (const mode of [{}, { plain: true }, { screen: true }]) {
      const { output } = await ws.pyro.readShell(id, shellId, { ...mode, waitFor: "over" });
      assert.match(output, wanted);
      assert.equal(scan.finds(Buffer.from(output)), false, output);
    }
    await ws.pyro.closeShell(id, shellId);
    await ws.pyro.startService(id, "alike", {
      command: ["sh", "-c", `${line}; sleep 1000`],
      secretEnv,
      readiness: { kind: "log", text: "." },
    });
    await until("all is in the log", async () => {
      const { stdout } = await ws.pyro.logsService(id, "alike");
      assertHidden(stdout, "log");
      return wanted.test(stdout);
    });
    await ws.pyro.stopService(id, "alike");
  });

  it("are hidden in what a person reads of a shell, wherever that is cut", async () => {
    const shellId = await open('echo "1 $L 2"; echo "$K"; echo "3 $L over"; read x', { cols: 40 });
    const { output } = await ws.pyro.readShell(id, shellId, { plain: true, waitFor: "over" });
    for (let maxChars = 1; maxChars <= output.length + long.length; maxChars++) {
      const read = await ws.pyro.readShell(id, shellId, { plain: true, maxChars });
      assertHidden(read.output, `the last ${maxChars}`);
    }
    await ws.pyro.closeShell(id, shellId);
  });

  it("are hidden on a screen that their beginning was scrolled out of", async () => {
    const shellId = await open(
      'printf "%s %s" "$L" "$L"; read x; echo; read x; echo; echo; echo "$K"; echo over; read x',
      { cols: 20, rows: 6 },
    );
    for (let lines = 0; lines < 3; lines++) {
      const { output } = await ws.pyro.readShell(id, shellId, {
        screen: true,
        waitForIdleMs: 200,
      });
      assertHidden(output, `after ${lines} lines`);
      await ws.pyro.writeShell(id, shellId, { input: "" });
    }
    await ws.pyro.closeShell(id, shellId);
  });

  it("are hidden when a read falls between their two halves", async () => {
    const halves = 'A=$(printf %s "$L" | head -c 20); B=$(printf %s "$L" | tail -c +21);';
    const typed = `printf "1 $A"; read x; echo "$B over"; read x`;
    for (const mode of [{ plain: true }, { screen: true }, {}]) {
      const shellId = await open(`stty -echo; ${halves} ${typed}`);
      const read = async (cursor: number) => {
        const answer = await ws.pyro.readShell(id, shellId, { ...mode, cursor });
        assertHidden(answer.output, JSON.stringify(mode));
        return answer;
      };
      await ws.pyro.readShell(id, shellId, { ...mode, waitFor: "1 " });
      const first = read(0);
      await ws.pyro.writeShell(id, shellId, { input: "" });
      let { output: seen, nextCursor } = await first;
      await until("all is read", async () => {
        const next = await read(nextCursor);
        seen = "screen" in mode ? next.output : seen + next.output;
        nextCursor = next.nextCursor;
        return seen.includes("over");
      });
      assert.match(seen, /1 .*\[REDACTED:LONG\] over/);
      await ws.pyro.closeShell(id, shellId);
    }
    const line = `${halves} while :; do printf "1 $A"; sleep 0.1; echo "$B 2"; done`;
    await ws.pyro.startService(id, "halves", { command: ["sh", "-c", line], secretEnv });
    let cursor = 0;
    let seen = "";
    while (seen.split(" 2\n").length < 6) {
      const logs = await ws.pyro.logsService(id, "halves", { cursor });
      seen += logs.stdout;
      cursor = logs.nextCursor;
    }
    assertHidden(seen, "log");
    await ws.pyro.stopService(id, "halves");
  });

  it("are hidden in what is told of a service that fails", async () => {
    const told: (PyroError | unknown)[] = [];
    const fails = async (name: string, options: StartServiceOptions, said: RegExp) => {
      const error = await refusal(ws.pyro.startService(id, name, { secretEnv, ...options }));
      assert.match(error.message, said);
      assertHidden(error.message, name);
      told.push(error.message, error.hint);
    };
    const sh = (line: string) => ["sh", "-c", line];
    await fails(
      "ends",
      {
        command: sh('echo "one $L"; printf %300s "$L" >&2; echo "$K"; exit 3'),
        readiness: { kind: "log", text: "never written" },
      },
      /exit code 3[\s\S]*one \[REDACTED:LONG\]\n[\s\S]*\[REDACTED:KEY\]/,
    );
    await fails(
      "late",
      {
        command: sh("echo alive; sleep 1000"),
        readiness: { kind: "command", command: sh('echo "not yet: $L"; exit 4') },
        readyTimeoutSeconds: 2,
      },
      /and said "not yet: \[REDACTED:LONG\]/,
    );
    // Half of a value at either end of what is kept would not be found.
    await fails(
      "wordy",
      {
        command: sh("sleep 1000"),
        readiness: {
          kind: "command",
          command: sh('for i in $(seq 200); do echo "$L"; done; exit 5'),
        },
        readyTimeoutSeconds: 2,
      },
      /REDACTED:LONG/,
    );
    await fails("missing", { command: [`/opt/${long}`] }, /127\)[\s\S]*\[REDACTED:LONG\]/);
    const { services } = await ws.pyro.listServices(id);
    for (const { name, reason, readiness } of services)
      assertHidden(`${reason} ${readiness.lastProbe}`, name);
    const { events } = await ws.pyro.summarizeWorkspace(id);
    for (const { text } of events) assertHidden(text, "event");
    const kept = ws.sql("SELECT * FROM services WHERE name != 'missing'");
    assert.ok(kept.length >= 3);
    assertHidden(JSON.stringify(kept), "registry");
  });

  it("are still hidden, and still handed over, when the supervisor was killed", async () => {
    const shellId = await open('read x; echo "shell $L"; read x');
    await ws.pyro.startService(id, "kept", {
      command: ["sh", "-c", 'until test -e go; do sleep 0.1; done; echo "service $L"; sleep 1000'],
      secretEnv,
    });
    await ws.killSupervisor(id);
    await ws.sh(id, "touch go");
    await ws.pyro.writeShell(id, shellId, { input: "" });
    const shown = await ws.pyro.readShell(id, shellId, { plain: true, waitFor: "shell " });
    assert.match(shown.output, /shell \[REDACTED:LONG\]/);
    await until("the service has written", async () => {
      const { stdout } = await ws.pyro.logsService(id, "kept");
      assertHidden(stdout, "log");
      return stdout === "service [REDACTED:LONG]\n";
    });
    const again = await open('test "$L" = "$(cat /run/pyro-secrets/LONG)" && echo same; read x');
    await ws.pyro.readShell(id, again, { waitFor: "same" });
    const restarted = await ws.pyro.restartService(id, "kept");
    assert.equal(restarted.state, "running");
    await until("it has the secret again", async () => {
      const { stdout } = await ws.pyro.logsService(id, "kept");
      return stdout === "service [REDACTED:LONG]\n".repeat(2);
    });
    for (const shell of [shellId, again]) await ws.pyro.closeShell(id, shell);
    await ws.pyro.stopService(id, "kept");
  });
});
