import { setTimeout as delay } from "node:timers/promises";
import { exitCode } from "./exit-codes.ts";
import { watchInterrupts } from "./interrupt.ts";
import type { IO } from "./io.ts";

const defaultIntervalMs = 1000;

/**
 * Draws `lines()` anew every second on a screen of its own until a signal comes. The terminal is
 * then as it was before, however this ends. Answers the exit code.
 */
export async function watchInTerminal(
  io: IO,
  lines: () => Promise<readonly string[]>,
  intervalMs = defaultIntervalMs,
): Promise<number> {
  using _screen = ownScreen(io);
  return await again(intervalMs, async () => {
    const shown = fitHeight(await lines(), io.height);
    // Each line clears what it does not cover, so that nothing flickers.
    const body = shown.map((line) => `${line}\u001b[K`).join("\r\n");
    io.stdout.write(`\u001b[H${body}\u001b[J`);
  });
}

/** Calls `print` with what `read` finds, first and whenever it has changed, until a signal comes. */
export async function watchOnPipe<Found>(
  read: () => Promise<Found>,
  print: (found: Found) => Promise<void>,
  intervalMs = defaultIntervalMs,
): Promise<number> {
  let last: string | undefined;
  return await again(intervalMs, async () => {
    const found = await read();
    const text = JSON.stringify(found);
    if (text !== last) await print(found);
    last = text;
  });
}

async function again(intervalMs: number, work: () => Promise<void>): Promise<number> {
  using interrupt = watchInterrupts();
  while (!interrupt.signal.aborted) {
    await work();
    await delay(intervalMs, undefined, { signal: interrupt.signal }).catch(() => undefined);
  }
  return interrupt.exitCode ?? exitCode.done;
}

function ownScreen(io: IO): Disposable {
  const restore = () => io.stdout.write("\u001b[?25h\u001b[?1049l");
  process.once("exit", restore);
  io.stdout.write("\u001b[?1049h\u001b[?25l");
  return {
    [Symbol.dispose]: () => {
      process.off("exit", restore);
      restore();
    },
  };
}

/** Without the last line of the screen, which a terminal may scroll away. */
function fitHeight(lines: readonly string[], height: number): readonly string[] {
  const room = Math.max(2, height - 1);
  if (lines.length <= room) return lines;
  const hidden = lines.length - room + 1;
  return [...lines.slice(0, room - 1), `and ${hidden} more`];
}
