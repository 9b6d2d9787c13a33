import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { encodeFrame, frameKind } from "../../../../src/channel/frames.ts";
import { limits } from "../../../../src/model/limits.ts";
import { storedSequences } from "../../../../src/workspace/supervisor/kept-output.ts";
import {
  LateOutputFile,
  latePaths,
} from "../../../../src/workspace/supervisor/late-output-file.ts";
import { outputPath } from "../../../../src/workspace/supervisor/output-file.ts";
import {
  readLateOutput,
  readOutputPiece,
} from "../../../../src/workspace/supervisor/read-output.ts";
import { SupervisedWorkspace } from "../../../support/supervised-workspace.ts";
import { until } from "../../../support/until.ts";

function late(kind: number, sequence: number, rest: Buffer | string): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(sequence));
  return encodeFrame(kind, Buffer.concat([number, Buffer.from(rest)]));
}

function counted(bytes: number): Buffer {
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(bytes));
  return count;
}

describe("the files of late output", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "pyro-late-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const path = () => join(directory, "1");
  const text = async () => (await readLateOutput(path())).output.toString();

  it("keep what came in its order, and say where some is missing", async () => {
    const file = new LateOutputFile(path());
    file.push(frameKind.stdout, Buffer.from("one\n"));
    file.push(frameKind.stderr, Buffer.from("two\n"));
    file.drop(1000);
    file.push(frameKind.stdout, Buffer.from("three\n"));
    file.drop(5);
    const found = await readLateOutput(path());
    const gap = (bytes: number) => `\n[pyro: ${bytes} bytes left out here]\n`;
    assert.equal(found.output.toString(), `one\ntwo\n${gap(1000)}three\n${gap(5)}`);
    assert.deepEqual([found.bytes, found.droppedBytes], [1019, 1005]);
  });

  it("go on where another supervisor was killed in the middle of a frame", async () => {
    new LateOutputFile(path()).push(frameKind.stdout, Buffer.from("before\n"));
    const [, newer] = latePaths(path());
    appendFileSync(newer, encodeFrame(frameKind.stdout, Buffer.from("half")).subarray(0, 7));
    new LateOutputFile(path()).push(frameKind.stdout, Buffer.from("after\n"));
    assert.equal(await text(), "before\nafter\n");
  });

  it("keep the newest of what never ends, and offsets stay what they are", async () => {
    const file = new LateOutputFile(path());
    const block = Buffer.alloc(60_000, "x");
    const count = 500;
    for (let n = 0; n < count; n++) file.push(frameKind.stdout, block);
    file.push(frameKind.stdout, Buffer.from("last"));
    const bytes = latePaths(path()).reduce((sum, half) => sum + statSync(half).size, 0);
    assert.ok(bytes <= limits.lateOutputBytesMax + 200_000, String(bytes));
    const all = count * block.length + 4;
    const end = { offset: all - 4, bytesMax: 100 };
    const tail = await readOutputPiece(path(), end);
    assert.deepEqual([tail.piece.toString(), tail.end, tail.nextOffset], ["last", all, all]);
    // What is gone is passed over, and told.
    const first = await readOutputPiece(path(), { offset: 10, bytesMax: 100 });
    assert.equal(first.offset, first.lateDroppedBytes);
    assert.deepEqual([first.piece.length, first.nextOffset], [100, first.offset + 100]);
    assert.ok(all - first.lateDroppedBytes >= limits.lateOutputBytesMax / 2);
  });
});

describe("a supervisor", () => {
  let workspace: SupervisedWorkspace;
  afterEach(() => workspace[Symbol.asyncDispose]());

  const path = () => outputPath(workspace.files.outputDirectory, 1);

  /** Runs the workspace's first command, which ends at once. */
  async function runOne(): Promise<void> {
    let number: unknown;
    workspace.lie = (stream, headers) => {
      number = headers["x-pyro-command"];
      stream.respond({ ":status": 200 });
      stream.end(encodeFrame(frameKind.end, Buffer.from('{"exit_code":0}')));
    };
    const client = await workspace.connect();
    await client.exec({ command: ["serve"], timeoutMs: 1000 });
    assert.equal(number, "1");
  }

  it("writes late output down beside its command's, and counts what is missing", async () => {
    const write = Promise.withResolvers<(bytes: Buffer) => void>();
    workspace = await SupervisedWorkspace.start();
    workspace.lateOutput = (stream) => {
      stream.respond({ ":status": 200 });
      write.resolve((bytes) => void stream.write(bytes));
    };
    await runOne();
    (await write.promise)(late(frameKind.stdout, 1, "listening\n"));
    (await write.promise)(late(frameKind.dropped, 1, counted(7)));
    await until("it is written down", async () => (await readLateOutput(path())).bytes === 17);
    const piece = await readOutputPiece(path(), { offset: 0, bytesMax: 100 });
    assert.deepEqual([piece.piece.toString(), piece.lateDroppedBytes], ["listening\n", 7]);
  });

  it("keeps within the room that all output of its workspace has, what was written last before the rest", async () => {
    const write = Promise.withResolvers<(bytes: Buffer) => void>();
    workspace = await SupervisedWorkspace.start({}, { outputBytesMax: 100_000 });
    workspace.lateOutput = (stream) => {
      stream.respond({ ":status": 200 });
      write.resolve((bytes) => void stream.write(bytes));
    };
    await runOne();
    const client = await workspace.connect();
    await client.exec({ command: ["other"], timeoutMs: 1000 });
    const { outputDirectory } = workspace.files;
    const kept = async (sequence: number) =>
      (await readLateOutput(outputPath(outputDirectory, sequence))).bytes;
    for (const sequence of [2, 1]) {
      (await write.promise)(late(frameKind.stdout, sequence, Buffer.alloc(60_000, "x")));
      await until("it is written down", async () => (await kept(sequence)) === 60_000);
    }
    await until("the other goes", async () => (await kept(2)) === 0);
    assert.deepEqual(storedSequences(outputDirectory), [1]);
  });

  const lies: Readonly<Record<string, Buffer>> = {
    "a command that it never ran": late(frameKind.stdout, 2, "x"),
    "a command beyond all numbers": late(frameKind.stdout, 2 ** 60, "x"),
    "no count": late(frameKind.dropped, 1, "short"),
    "more than there can be": late(frameKind.dropped, 1, counted(2 ** 60)),
    "a frame that is none of these": late(frameKind.end, 1, counted(1)),
    "no command": encodeFrame(frameKind.stdout, Buffer.from("short")),
  };
  for (const [what, lie] of Object.entries(lies))
    it(`believes no guest whose late output tells of ${what}`, async () => {
      const write = Promise.withResolvers<(bytes: Buffer) => void>();
      const ended = Promise.withResolvers<void>();
      workspace = await SupervisedWorkspace.start();
      workspace.lateOutput = (stream) => {
        stream.respond({ ":status": 200 });
        stream.once("close", ended.resolve);
        write.resolve((bytes) => void stream.write(bytes));
      };
      await runOne();
      (await write.promise)(lie);
      await ended.promise;
      assert.equal((await readLateOutput(path())).bytes, 0);
      assert.equal(workspace.row?.state, "started");
    });
});
