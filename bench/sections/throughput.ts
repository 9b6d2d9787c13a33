import { Readable } from "node:stream";
import type { Bench } from "../bench.ts";
import { atLeast, type Figure } from "../figure.ts";
import { type Guest, startGuest } from "../guest.ts";
import type { Measured, Section } from "../section.ts";
import { summarise } from "../statistics.ts";

const timeoutMs = 120_000;
const chunkBytes = 256 * 1024;
const bytesPerMb = 1e6;
const target = atLeast(110);

/** Bytes through the standard streams of one command, in each direction. */
export const throughput: Section = {
  name: "throughput",
  title: "MB/s through the channel, each way",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using guest = await startGuest(bench);
  const bytes = bench.counts.throughputMib * 1024 * 1024;
  const samples = { fromGuest: [] as number[], toGuest: [] as number[] };
  for (let round = 0; round < 1 + bench.counts.throughputRounds; round++) {
    bench.progress(`throughput: ${round} of ${bench.counts.throughputRounds}`);
    const fromGuest = await rate(bytes, () => readZeros(bench, guest, bytes));
    const toGuest = await rate(bytes, () => writeZeros(bench, guest, bytes));
    if (round === 0) continue;
    samples.fromGuest.push(fromGuest);
    samples.toGuest.push(toGuest);
  }
  return {
    figures: [
      speed("throughput, guest → host", samples.fromGuest),
      speed("throughput, host → guest", samples.toGuest),
    ],
    samples: { fromGuestMbPerSecond: samples.fromGuest, toGuestMbPerSecond: samples.toGuest },
  };
}

async function rate(bytes: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return bytes / bytesPerMb / ((performance.now() - startedAt) / 1000);
}

async function readZeros({ signal }: Bench, { client }: Guest, bytes: number): Promise<void> {
  let received = 0;
  await client.exec(
    { command: ["head", "-c", String(bytes), "/dev/zero"], timeoutMs },
    {
      signal,
      onStdout: (chunk) => {
        received += chunk.length;
      },
    },
  );
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived at the host.`);
}

async function writeZeros({ signal }: Bench, { client }: Guest, bytes: number): Promise<void> {
  let said = "";
  await client.exec(
    { command: ["wc", "-c"], timeoutMs },
    {
      signal,
      stdin: Readable.from(zeros(bytes), { objectMode: false }),
      onStdout: (chunk) => {
        said += chunk.toString("latin1");
      },
    },
  );
  if (Number(said) !== bytes) throw new Error(`The guest counted ${said.trim()} of ${bytes}.`);
}

function* zeros(bytes: number): Generator<Buffer> {
  const chunk = Buffer.alloc(chunkBytes);
  for (let left = bytes; left > 0; left -= chunkBytes)
    yield left >= chunkBytes ? chunk : chunk.subarray(0, left);
}

function speed(name: string, samples: readonly number[]): Figure {
  const { p50, min, max, count } = summarise(samples);
  const note = `median; ${min.toFixed(0)} to ${max.toFixed(0)}, n ${count}`;
  return { name, value: p50, unit: "MB/s", note, target };
}
