import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { after, before, describe, it } from "node:test";
import { findMonitor, findSupervisors } from "../support/host-processes.ts";
import { until } from "../support/until.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

const mebibyte = 1024 ** 2;
/** What the processes around a guest may take more of memory, whatever is written in it. */
const growthMax = 48 * mebibyte;
/** What is kept of a shell's output. */
const shellBytesMax = mebibyte;
/** What is kept of a service's. */
const logBytesMax = 16 * mebibyte;
/** What a file system needs to keep files. */
const slackBytes = mebibyte;

const floodOf = (bytes: number) =>
  `yes 'a line of a program that has much to say' | head -c ${bytes}`;

describe("a workspace whose programs write without end", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create());
    await ws.sh(id, "true");
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  /** Bytes that the workspace's processes hold, but for the guest's own memory. */
  const hostBytes = async () => {
    const [supervisor = 0] = findSupervisors(id);
    return residentBytes(supervisor) + residentBytes(await findMonitor(ws.home.stateDirectory));
  };

  /** Floods a shell while two wait for its end, and answers its id. */
  const floodShell = async (bytes: number) => {
    const command = ["sh", "-c", `stty -opost; ${floodOf(bytes)}; echo over; read x`];
    const { shellId } = await ws.pyro.openShell(id, { command });
    const awaited = { waitFor: "over", timeoutSeconds: 280 };
    const reads = await Promise.all(
      [true, false].map((plain) => ws.pyro.readShell(id, shellId, { ...awaited, plain })),
    );
    assert.deepEqual(
      reads.map(({ matched }) => matched),
      [true, true],
    );
    return shellId;
  };

  it("keeps the latest of a shell, and costs whoever looks on, and the host, a bounded memory", async () => {
    // Whatever it takes to run and read a shell is there before.
    await ws.pyro.closeShell(id, await floodShell(mebibyte));
    const held = await hostBytes();
    const bytes = 16 * mebibyte;
    const shellId = await floodShell(bytes);
    const grown = (await hostBytes()) - held;
    assert.ok(grown <= growthMax, `grew by ${grown} bytes`);
    const { droppedBytes } = await ws.pyro.readShell(id, shellId, { maxChars: 1 });
    assert.ok(droppedBytes >= bytes - shellBytesMax, `${droppedBytes} bytes were dropped`);
    await ws.pyro.closeShell(id, shellId);
  });

  it("keeps the latest of a service's log, in the guest and on the host's disk", async () => {
    const held = await hostBytes();
    const used = await usedBytes();
    const disk = await diskBytes();
    const command = ["sh", "-c", `${floodOf(4 * logBytesMax)}; echo; echo over`];
    await ws.pyro.startService(id, "flood", { command });
    const isOver = async () => (await ws.pyro.statusService(id, "flood")).state === "exited";
    await until("all is written", isOver, 20_000);
    const grown = (await hostBytes()) - held;
    assert.ok(grown <= growthMax, `grew by ${grown} bytes`);
    assert.equal((await ws.pyro.logsService(id, "flood", { tailLines: 1 })).stdout, "over\n");
    const kept = (await usedBytes()) - used;
    assert.ok(kept <= logBytesMax + slackBytes, `${kept} bytes of the guest's disk`);
    const written = (await diskBytes()) - disk;
    assert.ok(written <= 2 * logBytesMax, `${written} bytes on the host's disk`);
  });

  /** What is in use of the workspace's disk. */
  const usedBytes = async () =>
    Number(await ws.sh(id, "sync; df --output=used --block-size=1 /workspace | tail -1"));

  /** What the workspace's disk takes of the host's. */
  const diskBytes = async () => {
    await ws.sh(id, "sync");
    return statSync(ws.path(`state/workspaces/${id}/disk.ext4`)).blocks * 512;
  };
});

/** Without what is mapped from the file of the guest's memory. */
function residentBytes(pid: number): number {
  let kib = 0;
  let isCounted = true;
  for (const line of readFileSync(`/proc/${pid}/smaps`, "latin1").split("\n")) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isCounted = basename(line) !== "memory";
    else if (isCounted) kib += Number(/^Rss:\s+(\d+) kB$/.exec(line)?.[1] ?? 0);
  }
  return kib * 1024;
}
