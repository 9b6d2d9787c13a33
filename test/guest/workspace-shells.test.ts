import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PyroError, type ReadShellOptions, type ShellRead } from "../../src/index.ts";
import { endProcess, findSupervisors } from "../support/host-processes.ts";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

const patience = { timeoutSeconds: 60 };

describe("a shell in a workspace", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create({ name: "shells" }));
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const open = async (script?: string) => {
    const command = script === undefined ? undefined : ["sh", "-c", script];
    return (await ws.pyro.openShell(id, { command, env: { PS1: "$ " } })).shellId;
  };
  const read = (shellId: string, options: ReadShellOptions = {}) =>
    ws.pyro.readShell(id, shellId, { plain: true, ...patience, ...options });
  const type = (shellId: string, input: string) => ws.pyro.writeShell(id, shellId, { input });
  const press = (shellId: string, ...keys: string[]) => ws.pyro.writeShell(id, shellId, { keys });
  /** Types a line and reads what comes of it, up to a text. */
  const say = async (shellId: string, line: string, text: string): Promise<ShellRead> => {
    const { nextCursor } = await read(shellId);
    await type(shellId, line);
    return await read(shellId, { cursor: nextCursor, waitFor: text });
  };

  it("is an interactive program on a terminal of its own, which keeps its state", async () => {
    const shellId = await open();
    await until("it prompts", async () =>
      /[#$] $/.test((await read(shellId, { waitForIdleMs: 500 })).output),
    );
    const line = "cd /tmp; x=4$((1+1)); tty; stty size; echo $TERM";
    const answer = await say(shellId, line, "xterm-256color\n");
    assert.match(answer.output, /\n\/dev\/pts\/\d+\n30 120\nxterm-256color\n/);
    assert.match((await say(shellId, "echo $x in $PWD", "\n42 in /tmp")).output, /\n42 in \/tmp/);
    const listed = (await ws.pyro.listShells(id)).shells.find((one) => one.shellId === shellId);
    // By the number that programs of the workspace know it by.
    await say(shellId, 'echo "pid $$."', `\npid ${listed?.pid}.`);
    await type(shellId, "exit 7");
    const ended = await read(shellId, { waitFor: "never shown" });
    assert.deepEqual(
      [ended.state, ended.exitCode, ended.matched, ended.timedOut],
      ["ended", 7, false, false],
    );
    const { shells } = await ws.pyro.listShells(id);
    assert.equal(shells.find((shell) => shell.shellId === shellId)?.exitCode, 7);
    await ws.pyro.closeShell(id, shellId);
  });

  it("is read byte for byte, piece by piece, and as a person would have read it", async () => {
    const shellId = await open("printf 'one\\r\\n\\033[31mtwo\\033[0m ä\\377'; read x");
    const raw = await read(shellId, { plain: false, waitFor: "ä" });
    assert.deepEqual(
      Buffer.from(raw.outputBase64 ?? "", "base64"),
      Buffer.concat([Buffer.from("one\r\r\n\u001b[31mtwo\u001b[0m ä"), Buffer.from([0xff])]),
    );
    const piece = await read(shellId, { plain: false, maxChars: 3 });
    assert.deepEqual([piece.output, piece.nextCursor, piece.cursor], ["one", 3, 0]);
    assert.equal((await read(shellId, { plain: false, cursor: 3, maxChars: 3 })).output, "\r\r\n");
    assert.equal((await read(shellId)).output.slice(0, 9), "one\ntwo ä");
    assert.equal((await read(shellId, { cursor: raw.nextCursor })).nextCursor, raw.nextCursor);
    await ws.pyro.closeShell(id, shellId);
  });

  it("stops waiting when the caller gives up, and writes on", async () => {
    const shellId = await open("echo first; read line; echo got $line; read line");
    const stop = new AbortController();
    const waiting = read(shellId, {
      waitFor: "never shown",
      timeoutSeconds: 600,
      signal: stop.signal,
    });
    const early = waiting.then((answer) => assert.fail(`it answered: ${JSON.stringify(answer)}`));
    early.catch(() => undefined);
    await read(shellId, { waitFor: "first" });
    stop.abort();
    assert.equal((await refusal(waiting)).code, "cancelled");
    const late = read(shellId, { waitFor: "first", signal: stop.signal });
    assert.equal((await refusal(late)).code, "cancelled");
    await type(shellId, "later");
    const { output } = await read(shellId, { waitFor: "got later" });
    // The end of its line may come a moment later.
    assert.match(output, /^first\n[\s\S]*got later/);
    await ws.pyro.closeShell(id, shellId);
  });

  it("is counted for whoever looks at its workspace, and nothing is started to count it", async () => {
    const shellId = await open("read line");
    const counts = async () => {
      const { workspaces } = await ws.pyro.listWorkspaces();
      const listed = workspaces.find(({ workspaceId }) => workspaceId === id)?.shellCount;
      return [listed, (await ws.pyro.statusWorkspace(id)).shellCount];
    };
    await until("it is counted", async () => (await counts()).every((count) => count === 1));
    const { shells } = await ws.pyro.summarizeWorkspace(id);
    assert.deepEqual(
      shells?.map((shell) => [shell.shellId, shell.state]),
      [[shellId, "running"]],
    );
    await ws.killSupervisor(id);
    assert.deepEqual(await counts(), [null, null]);
    assert.deepEqual(findSupervisors(id), []);
    await ws.pyro.closeShell(id, shellId);
    await until("none is counted", async () => (await counts()).every((count) => count === 0));
  });

  it("takes keys, as its program asked for them", async () => {
    const shellId = await open(
      "stty raw -echo; printf ready; head -c 3 | od -An -tx1; printf '\\033[?1happ'; head -c 4 | od -An -tx1",
    );
    await read(shellId, { waitFor: "ready" });
    await press(shellId, "up");
    // Written behind what changes the keys.
    assert.match((await read(shellId, { waitFor: "app" })).output, /1b 5b 41/);
    await press(shellId, "up", "ctrl-c");
    assert.match((await read(shellId, { waitFor: "03" })).output, /1b 4f 41 03/);
    await ws.pyro.closeShell(id, shellId);
  });

  it("shows the screen of a full-screen program, and follows a new size", async () => {
    const shellId = await open(
      "trap 'printf \"\\033[H\\033[2J%s\" \"$(stty size)\"' WINCH; printf '\\033[?1049h\\033[2J\\033[5;10Hmiddle\\033[1;1Htop\\033[3;4H'; while :; do sleep 0.05; done",
    );
    const { screen, output } = await read(shellId, { plain: false, screen: true, waitFor: "top" });
    assert.equal(output, `top\n\n\n\n${" ".repeat(9)}middle`);
    assert.deepEqual(screen, {
      cols: 120,
      rows: 30,
      cursorRow: 3,
      cursorColumn: 4,
      fullScreen: true,
    });
    await ws.pyro.resizeShell(id, shellId, { cols: 60, rows: 12 });
    const resized = await read(shellId, { plain: false, screen: true, waitFor: "12 60" });
    assert.deepEqual([resized.screen?.cols, resized.screen?.rows], [60, 12]);
    await ws.pyro.signalShell(id, shellId, { signalName: "SIGKILL" });
    const ended = await read(shellId, { waitFor: "never shown" });
    assert.deepEqual([ended.signal, ended.exitCode], ["KILL", 137]);
    await ws.pyro.closeShell(id, shellId);
  });

  it("has its questions answered by the guest, once, unless they would be typed in", async () => {
    const asks = await open(
      "stty raw -echo; printf '\\033[6n'; head -c 6 | od -An -c; printf '\\033[c'; head -c 7 | od -An -c; stty sane; echo over; read x; echo \"<$x>\"",
    );
    const { output } = await read(asks, { waitFor: "over" });
    assert.match(output, /033 {3}\[ {3}1 {3}; {3}1 {3}R/);
    assert.match(output, /033 {3}\[ {3}\? {3}1 {3}; {3}2 {3}c/);
    assert.match((await say(asks, "mine", "<mine>")).output, /<mine>/);
    const careless = await open(
      "printf '\\033[6n\\033[c'; sleep 1; echo over; read x; echo \"<$x>\"",
    );
    await read(careless, { waitFor: "over" });
    assert.match((await say(careless, "mine", "<mine>")).output, /\n<mine>/);
    await ws.pyro.closeShell(id, asks);
    await ws.pyro.closeShell(id, careless);
  });

  it("lives on when its supervisor is killed, and whoever is attached comes back", async () => {
    const shellId = await open('i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.1; done');
    await read(shellId, { waitFor: "line 2" });
    const detach = new AbortController();
    let seen = "";
    const connections: boolean[] = [];
    const attached = ws.pyro.attachShell(id, shellId, {
      onOutput: (bytes) => {
        seen += bytes.toString();
      },
      onConnection: (isThere) => connections.push(isThere),
      signal: detach.signal,
    });
    await until("it is followed", () => seen.includes("line 5"));
    const [supervisor] = findSupervisors(id);
    assert.ok(supervisor);
    endProcess(supervisor);
    const count = Number(seen.match(/line (\d+)\r\n$/)?.[1] ?? 0);
    await until("it is followed again", () => seen.includes(`line ${count + 20}\r\n`));
    detach.abort();
    await attached;
    assert.deepEqual(connections, [false, true]);
    const numbers = [...seen.matchAll(/line (\d+)\r\n/g)].map(([, number]) => Number(number));
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
      "nothing is missing or doubled",
    );
    assert.equal((await read(shellId)).state, "running");
    await ws.pyro.closeShell(id, shellId);
  });

  it("keeps the last words of a program that writes much and ends", async () => {
    for (let round = 0; round < 5; round++) {
      const { shellId } = await ws.pyro.openShell(id, { command: ["seq", "1", "10000"] });
      const { output, state } = await read(shellId, {
        plain: false,
        waitFor: "never shown",
        maxChars: 100_000,
      });
      assert.deepEqual(
        [state, output.length, output.endsWith("\r\n10000\r\n")],
        ["ended", 58_894, true],
      );
      await ws.pyro.closeShell(id, shellId);
    }
  });

  it("tells a reader who falls behind what is missing, at the cost of nobody's memory", async () => {
    const shellId = await open("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo over; read x");
    await read(shellId, {
      plain: false,
      cursor: 0,
      waitFor: "over\r\n",
      maxChars: 10,
      timeoutSeconds: 300,
    });
    const raw = await read(shellId, { plain: false, maxChars: 10 });
    assert.ok(raw.droppedBytes > 18_000_000 && raw.truncated, `${raw.droppedBytes} bytes`);
    assert.equal(raw.nextCursor, raw.droppedBytes + 10);
    const plain = await read(shellId, { maxChars: 100 });
    assert.deepEqual([plain.output.endsWith("x\nover\n"), plain.truncated], [true, true]);
    await ws.pyro.closeShell(id, shellId);
  });

  it("is closed with everything it started, and a program that ends by itself leaves what was to stay", async () => {
    const closed = await open(
      "trap '' HUP TERM; setsid sleep 1000 & echo $! > /workspace/child; echo up; wait",
    );
    await read(closed, { waitFor: "up" });
    const { exitCode, signal } = await ws.pyro.closeShell(id, closed);
    assert.deepEqual([exitCode, signal], [137, "KILL"]);
    await ws.sh(id, "! kill -0 $(cat child)");
    const left = await open(
      "nohup sleep 1000 >/dev/null 2>&1 & echo $! > /workspace/child; sleep 1",
    );
    await read(left, { waitFor: "never shown" });
    await ws.sh(id, "kill -0 $(cat child)");
    assert.equal((await ws.pyro.closeShell(id, left)).backgroundProcessCount, 0);
    await ws.sh(id, "! kill -0 $(cat child)");
  });

  it("is refused with an error that names what is wrong and the way out", async () => {
    const shellId = await open("sleep 1000");
    const refused = async (work: Promise<unknown>, code: string, said: RegExp) => {
      const error = await refusal(work);
      assert.equal(error.code, code);
      assert.match(`${error.message} ${error.hint ?? ""}`, said);
    };
    const near = `${shellId.slice(0, -1)}${shellId.endsWith("0") ? "1" : "0"}`;
    await refused(read(near), "shell_not_found", new RegExp(shellId));
    await refused(read("bash"), "shell_not_found", new RegExp(shellId));
    await refused(
      read(shellId, { cursor: 10 ** 9 }),
      "invalid_argument",
      /1000000000.*next_cursor/,
    );
    await refused(read(shellId, { screen: true }), "invalid_argument", /not both/);
    await refused(read(shellId, { waitFor: "" }), "invalid_argument", /0 bytes/);
    await refused(press(shellId, "entr"), "invalid_argument", /"entr".*"enter"/);
    await refused(
      ws.pyro.resizeShell(id, shellId, { cols: 0, rows: 5 }),
      "invalid_argument",
      /cols is 0/,
    );
    await refused(ws.pyro.openShell(id, { rows: 501 }), "invalid_argument", /rows is 501/);
    await refused(
      ws.pyro.signalShell(id, shellId, { signalName: "INTT" }),
      "invalid_argument",
      /INTT/,
    );
    await refused(ws.pyro.openShell(id, { command: ["no-such"] }), "command_not_found", /no-such/);
    await refused(ws.pyro.openShell(id, { cwd: "/nowhere" }), "guest_exec_failed", /\/nowhere/);
    await refused(ws.pyro.openShell(id, { env: { "A=B": "" } }), "invalid_argument", /A=B/);
    await ws.pyro.closeShell(id, shellId);
    await refused(ws.pyro.closeShell(id, shellId), "shell_not_found", /It has none/);
  });

  it("ends with a stop of its workspace, which does not wait for it", async () => {
    const { workspaceId } = await ws.create();
    const { shellId } = await ws.pyro.openShell(workspaceId);
    await ws.pyro.readShell(workspaceId, shellId, { waitForIdleMs: 300 });
    await ws.pyro.stopWorkspace(workspaceId);
    await assert.rejects(
      ws.pyro.listShells(workspaceId),
      (error) => error instanceof PyroError && error.code === "workspace_state_conflict",
    );
    await ws.pyro.startWorkspace(workspaceId);
    assert.deepEqual((await ws.pyro.listShells(workspaceId)).shells, []);
    const error = await refusal(ws.pyro.readShell(workspaceId, shellId));
    assert.match(error.hint ?? "", /end with a stop/);
    await ws.pyro.deleteWorkspace(workspaceId);
  });

  it("can be opened and closed thousands of times, and leaves nothing", {
    timeout: 600_000,
  }, async () => {
    const count = Number(process.env.SHELLS ?? 400);
    const cgroups =
      "ls -d /sys/fs/cgroup/command-* | wc -l; ls /dev/pts | wc -l; ps -e 2>/dev/null | wc -l";
    await ws.sh(id, cgroups);
    const before = await ws.sh(id, cgroups);
    for (let done = 0; done < count; done += 8)
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          const { shellId } = await ws.pyro.openShell(id, { command: ["cat"] });
          await ws.pyro.closeShell(id, shellId);
        }),
      );
    assert.deepEqual((await ws.pyro.listShells(id)).shells, []);
    const left = (text: string) => text.trim().split("\n").map(Number);
    const [groups = 0, terminals = 0] = left(await ws.sh(id, cgroups));
    const [groupsBefore = 0, terminalsBefore = 0] = left(before);
    assert.equal(terminals, terminalsBefore);
    assert.ok(groups <= groupsBefore + 32, `${groups} control groups, ${groupsBefore} before`);
  });
});
