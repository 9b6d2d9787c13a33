import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { LoggedCommand } from "../../src/index.ts";
import { limits } from "../../src/model/limits.ts";
import { until } from "../support/until.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

describe("what a command leaves running", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create({ name: "late" }));
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const sh = (line: string) => ws.pyro.execWorkspace(id, { command: ["sh", "-c", line] });
  const logged = async (sequence: number): Promise<LoggedCommand> => {
    const [command] = (await ws.pyro.logsWorkspace(id, { sequence })).commands;
    assert.ok(command);
    return command;
  };
  /** Runs a line that goes on once the file `name` is there. */
  const leave = async (name: string, line: string) => {
    const waiting = `until [ -e ${name} ]; do sleep 0.05; done`;
    const { sequence, stdout, backgroundProcessCount } = await sh(
      `echo own; (${waiting}; ${line}) &`,
    );
    assert.equal(stdout, "own\n");
    assert.ok(backgroundProcessCount > 0);
    return sequence;
  };
  const wrote = (sequence: number, text: string) =>
    until(`${text} is in the log`, async () => (await logged(sequence)).lateOutput.includes(text));

  it("has what it writes kept apart, in its order and under its command, and read on", async () => {
    const first = await leave("first", "echo listening; sleep 0.2; echo failed >&2");
    const second = await leave("second", "echo other");
    await sh("touch second first");
    await wrote(first, "failed\n");
    await wrote(second, "other\n");
    const { stdout, stdoutBytes, stderr, lateOutput, ...rest } = await logged(first);
    assert.deepEqual([stdout, stdoutBytes, stderr], ["own\n", 4, ""]);
    assert.deepEqual([lateOutput, rest.lateOutputBytes], ["listening\nfailed\n", 17]);
    const page = await ws.pyro.readCommandOutput(id, { sequence: first, offset: 4 });
    assert.deepEqual(
      [page.output, page.lateOffset, page.nextOffset, page.lateOutputDroppedBytes],
      ["listening\nfailed\n", 4, 21, 0],
    );
  });

  it("goes on and is heard by the next supervisor when its own is killed", async () => {
    const sequence = await leave(
      "third",
      "echo nobody looked; until [ -e fourth ]; do sleep 0.05; done; echo again",
    );
    await sh("(sleep 0.3; touch third; sleep 0.5; touch spoken) >/dev/null 2>&1 &");
    await ws.killSupervisor(id);
    await sh("until [ -e spoken ]; do sleep 0.05; done; touch fourth");
    await wrote(sequence, "again\n");
    assert.equal((await logged(sequence)).lateOutput, "nobody looked\nagain\n");
  });

  it("is never held up by what nobody could keep, which is dropped and counted", async () => {
    const bytes = 64 << 20;
    // What comes right behind a flood has no more room than it; after a while there is room again.
    const line = `head -c ${bytes} /dev/zero; touch done; sleep 5; echo last`;
    const sequence = await leave("fifth", line);
    const { exitCode } = await ws.pyro.execWorkspace(id, {
      command: ["sh", "-c", "touch fifth; until [ -e done ]; do sleep 0.05; done"],
      timeoutSeconds: 120,
    });
    assert.equal(exitCode, 0);
    await wrote(sequence, "last\n");
    const { lateOutputBytes, lateOutputDroppedBytes } = await logged(sequence);
    assert.equal(lateOutputBytes, bytes + 5);
    const kept = lateOutputBytes - lateOutputDroppedBytes;
    assert.ok(kept > 0 && kept <= limits.lateOutputBytesMax + 100_000, String(kept));
  });

  it("is told of by the command line, behind what the command wrote itself", async () => {
    const sequence = await leave("sixth", "echo later");
    await sh("touch sixth");
    await wrote(sequence, "later\n");
    const { stdout } = await ws.home.pyro([
      "workspace",
      "logs",
      id,
      "--sequence",
      String(sequence),
    ]);
    assert.match(stdout, /\n {2}own\nafter its end:\n {2}later\n$/);
    const raw = await ws.home.pyro([
      "workspace",
      "logs",
      id,
      "--sequence",
      String(sequence),
      "--raw",
    ]);
    assert.equal(raw.stdout, "own\nlater\n");
  });
});
