import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { repository } from "../support/home.ts";
import { findSupervisors } from "../support/host-processes.ts";
import { LyingAgent } from "../support/lying-agent.ts";
import { TestWorkspaces } from "../support/workspaces.ts";
import type { MeasuredCall } from "./support/measured-call.ts";

const mebibyte = 1024 * 1024;
/** Of the process that asks, and of the supervisor between it and the guest. What garbage collection leaves lying is in it. */
const growthBytesMax = 96 * mebibyte;
const deadlineMs = 10_000;

const record = (type: string, path: string, { size = 0, target = "" } = {}) =>
  Buffer.from(
    `${type} ${type === "." ? 0 : 644} ${size} 0 0 0 0 - 0 ${path}\0${target}\0`,
    "latin1",
  );
const end = (count: number) => record(".", "", { size: count });
const hole = (bytes: number) => {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(bytes));
  return Buffer.concat([Buffer.from("H"), length]);
};
const done = Buffer.from("E\0");

/** Says `chunks` as fast as they are taken. */
async function say(
  stream: ServerHttp2Stream,
  chunks: Iterable<Buffer>,
  headers: Record<string, string> = {},
): Promise<void> {
  stream.respond({ ":status": 200, ...headers });
  const closed = once(stream, "close");
  const batch: Buffer[] = [];
  let bytes = 0;
  const flush = async () => {
    const taken = stream.write(Buffer.concat(batch.splice(0)));
    bytes = 0;
    if (!taken && !stream.destroyed)
      await Promise.race([once(stream, "drain"), closed]).catch(() => undefined);
  };
  for (const chunk of chunks) {
    if (stream.destroyed) return;
    batch.push(chunk);
    bytes += chunk.length;
    if (bytes > 65_536) await flush();
  }
  await flush();
  stream.end();
}

/** `count` entries, and the record that ends them. */
function* entries(count: number, one: (index: number) => Buffer): Generator<Buffer> {
  for (let index = 0; index < count; index++) yield one(index);
  yield end(count);
}

const files = (count: number, size: number, named = (index: number) => `f${index}`) =>
  entries(count, (index) => record("f", named(index), { size }));
/** A tree whose files are nothing but holes. */
const holes = (count: number, size: number) =>
  entries(count, (index) => Buffer.concat([record("f", `f${index}`, { size }), hole(size), done]));
const rooted = function* (tree: Iterable<Buffer>, count: number): Generator<Buffer> {
  yield record("d", "");
  for (const chunk of tree) yield chunk[0] === 0x2e ? end(count + 1) : chunk;
};
const long = (index: number) => `${"n".repeat(240)}${index}`;

type Tell = (
  stream: ServerHttp2Stream,
  path: string,
  headers: IncomingHttpHeaders,
) => Promise<void> | void;

/** A guest that scans as `scan` and answers everything else as `rest`. */
const scanning =
  (scan: () => Iterable<Buffer>, rest: Tell = (stream) => say(stream, [end(0)])): Tell =>
  (stream, path, headers) =>
    path.startsWith("/v1/tree/scan") ? say(stream, scan()) : rest(stream, path, headers);
const archiving = (archive: () => Iterable<Buffer>, scan = () => files(2000, 1)) =>
  scanning(scan, (stream) => say(stream, archive()));
/** Never ends. */
const forever = function* (chunk: Buffer): Generator<Buffer> {
  for (;;) yield chunk;
};
const silent: Tell = () => undefined;
const lines = Buffer.from(Array.from({ length: 4096 }, (_, index) => `${index}\n`).join(""));

const sized = { "x-pyro-size": String(4 * mebibyte), "x-pyro-mode": "644" };

const diffs: Record<string, Tell> = {
  "more entries than it was asked for": archiving(() => holes(2_000_000, mebibyte)),
  "holes in place of small files": archiving(() => holes(2000, mebibyte)),
  "two million new files": scanning(() => files(2_000_000, 1)),
  "long names": scanning(() => files(2_000_000, 1, long)),
  "a file of four million lines": scanning(
    () => files(1, 4 * mebibyte),
    (stream) => say(stream, [Buffer.alloc(4 * mebibyte, "\n")], sized),
  ),
  "content without end": scanning(
    () => files(300, 2 * mebibyte),
    (stream) => say(stream, forever(lines), sized),
  ),
  "a scan without end": scanning(() => files(Number.POSITIVE_INFINITY, 1)),
  "nothing at all": silent,
};

const exported: Record<string, Tell> = {
  "two million pipes": archived(() =>
    rooted(
      entries(2_000_000, (index) => record("p", `p${index}`)),
      2_000_000,
    ),
  ),
  "two million links that lead out": archived(() =>
    rooted(
      entries(2_000_000, (index) => record("l", `l${index}`, { target: "/etc" })),
      2_000_000,
    ),
  ),
  "a file of an exbibyte": archived(() => rooted(holes(1, 2 ** 52), 1)),
  "nothing at all": silent,
};

function archived(archive: () => Iterable<Buffer>): Tell {
  return (stream) => say(stream, archive());
}

const lists: Record<string, Tell> = {
  "two million files": scanning(() => files(2_000_000, 1)),
  "long names": scanning(() => files(2_000_000, 1, long)),
  "nothing at all": silent,
};

const reads: Record<string, Tell> = {
  "content without end": (stream) =>
    say(stream, forever(lines), { "x-pyro-size": "9", "x-pyro-mode": "644" }),
  "a refusal without end": (stream) => {
    stream.respond({ ":status": 500 });
    const more = () => {
      while (!stream.destroyed && stream.write(lines));
    };
    stream.on("drain", more);
    more();
  },
  "nothing at all": silent,
};

describe("a guest that lies about how much there is", () => {
  let place: TestWorkspaces;
  let agent: LyingAgent;
  before(async () => {
    place = await TestWorkspaces.open();
    await place.create({ name: "honest" });
    agent = await LyingAgent.start(place, "honest");
  });
  after(async () => {
    await place.pyro.deleteWorkspace(agent.workspaceId);
    await agent[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  const tell = (told: Tell) => {
    agent.lie = (stream, headers) => void told(stream, String(headers[":path"]), headers);
  };

  /** Calls once while the guest is honest, and again while it lies. */
  const measure = async (method: string, given: readonly unknown[], lie: Tell) => {
    // An honest export would make what the lying one is to make.
    tell((stream) =>
      method === "exportWorkspace"
        ? stream.close(2)
        : say(stream, [end(0)], { "x-pyro-size": "0", "x-pyro-mode": "644" }),
    );
    const program = join(repository, "test", "faults", "support", "measured-call.ts");
    const node = [process.execPath, "--disable-warning=ExperimentalWarning", program];
    const started = place.home.startProgram(
      [...node, method, JSON.stringify(given), String(deadlineMs)],
      { openInput: true },
    );
    await started.said("ready\n");
    const supervisors = findSupervisors(agent.workspaceId).map((pid) => ({
      pid,
      before: memory(pid, "VmRSS"),
    }));
    for (const { pid } of supervisors) writeFileSync(`/proc/${pid}/clear_refs`, "5");
    tell(lie);
    started.child.stdin.end("go\n");
    const { stdout, stderr } = await started.ended;
    const told = stdout.split("\n").at(-2) ?? "";
    assert.match(told, /^\{/, stderr);
    const measured = JSON.parse(told) as MeasuredCall;
    // One that found another at work when it began has ended meanwhile.
    const lasting = supervisors.filter(({ pid }) => existsSync(`/proc/${pid}/cwd`));
    assert.equal(lasting.length, Math.min(1, supervisors.length), "a supervisor ended");
    const passedOn = lasting.map(({ pid, before }) => memory(pid, "VmHWM") - before);
    return { ...measured, growthBytes: Math.max(measured.growthBytes, ...passedOn) };
  };

  const assertBounded = async (method: string, given: readonly unknown[], lie: Tell) => {
    const { code, message, growthBytes, elapsedMs } = await measure(method, given, lie);
    assert.notEqual(code, "internal", message);
    assert.ok(growthBytes < growthBytesMax, `${Math.round(growthBytes / mebibyte)} MiB`);
    assert.ok(elapsedMs < deadlineMs + 10_000, `after ${elapsedMs} ms`);
    assert.ok(agent.lives, "the machine was ended");
  };

  for (const method of ["diffWorkspace", "summarizeWorkspace"])
    for (const [what, lie] of Object.entries(diffs))
      it(`costs no more than ${method} may, with ${what}`, () =>
        assertBounded(method, [agent.workspaceId, {}], lie));

  for (const [what, lie] of Object.entries(exported))
    it(`costs no more than an export may, with ${what}`, () =>
      assertBounded(
        "exportWorkspace",
        [agent.workspaceId, "", { outputPath: place.path(`out-${what.replaceAll(" ", "-")}`) }],
        lie,
      ));

  for (const [what, lie] of Object.entries(lists))
    it(`costs no more than a list may, with ${what}`, () =>
      assertBounded("listWorkspaceFiles", [agent.workspaceId, { recursive: true }], lie));

  for (const [what, lie] of Object.entries(reads))
    it(`costs no more than a file may, with ${what}`, () =>
      assertBounded("readWorkspaceFile", [agent.workspaceId, "a", { maxBytes: 65_536 }], lie));
});

function memory(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1]) * 1024;
}
