import { Readable } from "node:stream";
import type { Bench } from "../bench.ts";
import { atLeast, type Figure, type Target } from "../figure.ts";
import { type Guest, startGuest } from "../guest.ts";
import type { Measured, Section } from "../section.ts";
import { summarise } from "../statistics.ts";

const timeoutMs = 120_000;
/** On a slow host fewer rounds must do; the report says how many they were. */
const lastRoundStartsMsMax = 100_000;
const chunkBytes = 256 * 1024;
/** What `cat` reads at once. */
const blockBytes = 128 * 1024;
const warmUpMib = 16;
const bytesPerMib = 1024 * 1024;
const bytesPerMb = 1e6;
const target = atLeast(110);

/** Bytes through the standard streams of one command, in each direction. */
export const throughput: Section = {
  name: "throughput",
  title: "MB/s through the channel, each way",
  measure,
};

/** One program that sends or takes the bytes. */
interface Stream {
  readonly name: string;
  readonly key: string;
  /** Moves that many bytes and makes sure they arrived. */
  readonly move: (bench: Bench, guest: Guest, bytes: number) => Promise<void>;
  readonly target?: Target;
}

const streams: readonly Stream[] = [
  {
    name: "throughput, guest → host (head -c)",
    key: "headMbPerSecond",
    move: (bench, guest, bytes) =>
      receive(bench, guest, { command: ["head", "-c", String(bytes), "/dev/zero"], bytes }),
    target,
  },
  {
    name: "  the same from a program that writes 128 KiB at once",
    key: "ddMbPerSecond",
    move: (bench, guest, bytes) => {
      const count = `count=${bytes / blockBytes}`;
      const command = ["dd", "if=/dev/zero", `bs=${blockBytes}`, count, "status=none"];
      return receive(bench, guest, { command, bytes });
    },
  },
  { name: "throughput, host → guest", key: "toGuestMbPerSecond", move: send, target },
];

async function measure(bench: Bench): Promise<Measured> {
  await using guest = await startGuest(bench);
  const { throughputMib, throughputRounds } = bench.counts;
  const samples: Record<string, number[]> = {};
  for (const { move } of streams) await move(bench, guest, warmUpMib * bytesPerMib);
  const startedAt = performance.now();
  for (let round = 0; round < throughputRounds; round++) {
    if (performance.now() - startedAt > lastRoundStartsMsMax) break;
    bench.progress(`throughput: round ${round + 1} of ${throughputRounds}`);
    for (const { key, move } of streams) {
      const bytes = throughputMib * bytesPerMib;
      samples[key] ??= [];
      samples[key].push(await rate(bytes, () => move(bench, guest, bytes)));
    }
  }
  const figures = streams.map(({ name, key, target }) => speed(name, samples[key] ?? [], target));
  return { figures, samples };
}

async function rate(bytes: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return bytes / bytesPerMb / ((performance.now() - startedAt) / 1000);
}

async function receive(
  { signal }: Bench,
  { client }: Guest,
  { command, bytes }: { command: readonly string[]; bytes: number },
): Promise<void> {
  let received = 0;
  const onStdout = (chunk: Buffer) => {
    received += chunk.length;
  };
  await client.exec({ command, timeoutMs }, { signal, onStdout });
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived at the host.`);
}

/** To a program that reads as `cat` does, and counts. */
async function send({ signal }: Bench, { client }: Guest, bytes: number): Promise<void> {
  let said = "";
  await client.exec(
    { command: ["dd", "of=/dev/null", `bs=${blockBytes}`], timeoutMs },
    {
      signal,
      stdin: Readable.from(zeros(bytes), { objectMode: false }),
      onStderr: (chunk) => {
        said += chunk.toString("latin1");
      },
    },
  );
  const counted = /^(\d+) bytes/m.exec(said)?.[1];
  if (Number(counted) !== bytes) throw new Error(`The guest counted ${counted} of ${bytes} bytes.`);
}

function* zeros(bytes: number): Generator<Buffer> {
  const chunk = Buffer.alloc(chunkBytes);
  for (let left = bytes; left > 0; left -= chunkBytes)
    yield left >= chunkBytes ? chunk : chunk.subarray(0, left);
}

function speed(name: string, samples: readonly number[], target: Target | undefined): Figure {
  const { p50, min, max, count } = summarise(samples);
  const note = `median; ${min.toFixed(0)} to ${max.toFixed(0)}, n ${count}`;
  return { name, value: p50, unit: "MB/s", note, target };
}
