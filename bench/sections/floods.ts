import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pyro } from "../../src/pyro.ts";
import { type Bench, environment } from "../bench.ts";
import { atMost, type Figure, round } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { quantile, summarise } from "../statistics.ts";
import { timeOf } from "../time.ts";
import { type HeldMemory, heldMemoryOf, makeFleet } from "../workspaces.ts";

const mib = 1 << 20;
const betweenPingsMs = 200;
/** Reading what a process maps costs it time. */
const pingsPerLook = 20;
const hoursMax = 2;

/** What programs cost the host that write without end. */
export const floods: Section = {
  name: "floods",
  title:
    "a flood into a shell that is waited for, and one into a service's log: memory, disk, answers",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using fleet = await makeFleet(bench);
  const shell = await flood(bench, fleet.pyro, floodShell);
  const service = await flood(bench, fleet.pyro, floodService);
  return {
    figures: [
      ...figuresOf("a shell", shell, bench.counts.floodMb),
      ...figuresOf("a service's log", service, bench.counts.floodMb),
    ],
    samples: { shellPingMs: shell.pingMs, servicePingMs: service.pingMs },
  };
}

interface Flood {
  readonly seconds: number;
  readonly pingMs: number[];
  /** Most of what came to what was there before. */
  readonly grown: HeldMemory;
  readonly diskMib: number;
}

/** Begins to write so many bytes in a workspace; settles when all are written. */
type Writing = (pyro: Pyro, id: string, bytes: number) => Promise<unknown>;

const line = (bytes: number) =>
  `yes 'some line of a program that has much to say' | head -c ${bytes}`;

async function floodShell(pyro: Pyro, id: string, bytes: number): Promise<void> {
  // What the guest's kernel does to every byte of a terminal's output is not measured.
  const command = ["sh", "-c", `stty -opost; ${line(bytes)}; echo over; read x`];
  const { shellId } = await pyro.openShell(id, { command });
  const options = { waitFor: "over\n", maxChars: 1, timeoutSeconds: hoursMax * 3600 };
  await pyro.readShell(id, shellId, options);
}

async function floodService(pyro: Pyro, id: string, bytes: number): Promise<void> {
  await pyro.startService(id, "flood", { command: ["sh", "-c", line(bytes)] });
  while ((await pyro.statusService(id, "flood")).state === "running") await sleep(500);
}

async function flood(bench: Bench, pyro: Pyro, write: Writing): Promise<Flood> {
  const { workspaceId: id } = await pyro.createWorkspace({ environment, signal: bench.signal });
  // Whatever it takes to run anything is there before.
  for (let round = 0; round < bench.counts.warmUps; round++) {
    await write(pyro, id, mib);
    await pyro.listShells(id);
  }
  const before = heldMemoryOf(bench, id);
  const diskBefore = diskMib(bench, id);
  const grown = { hostMib: 0, guestMib: 0 };
  const pingMs: number[] = [];
  let isWriting = true;
  const began = performance.now();
  const written = write(pyro, id, bench.counts.floodMb * 1e6).finally(() => {
    isWriting = false;
  });
  for (let ping = 1; isWriting; ping++) {
    bench.signal.throwIfAborted();
    pingMs.push(await timeOf(() => pyro.listShells(id)));
    await sleep(betweenPingsMs);
    if (ping % pingsPerLook !== 0 && isWriting) continue;
    const now = heldMemoryOf(bench, id);
    grown.hostMib = Math.max(grown.hostMib, now.hostMib - before.hostMib);
    grown.guestMib = Math.max(grown.guestMib, now.guestMib - before.guestMib);
  }
  await written;
  const seconds = (performance.now() - began) / 1000;
  await pyro.execWorkspace(id, { command: ["sync"] });
  const grownDiskMib = diskMib(bench, id) - diskBefore;
  await pyro.deleteWorkspace(id);
  return { seconds, pingMs, grown, diskMib: grownDiskMib };
}

/** What the workspace's disk takes of the host's. */
function diskMib({ config }: Bench, id: string): number {
  const path = join(config.stateDirectory, "workspaces", id, "disk.ext4");
  return (statSync(path).blocks * 512) / mib;
}

function figuresOf(
  where: string,
  { seconds, pingMs, grown, diskMib }: Flood,
  floodMb: number,
): Figure[] {
  const { p50, max } = summarise(pingMs);
  return [
    {
      name: `${floodMb} MB into ${where}: host memory beside the guest's`,
      value: grown.hostMib,
      unit: "MiB",
      note: `${round(floodMb / seconds)} MB/s; most at any look; the guest's own ${round(grown.guestMib)} MiB`,
      target: atMost(48),
    },
    {
      name: "  room on the host's disk",
      value: diskMib,
      unit: "MiB",
      note: "16 MiB of log are kept",
    },
    {
      name: "  answer of the agent meanwhile",
      value: quantile(pingMs, 0.95),
      unit: "ms",
      note: `p95; p50 ${round(p50)}, max ${round(max)}, n ${pingMs.length}`,
      target: atMost(100),
    },
  ];
}
