import { type OnProgress, type Progress, visibleText } from "../index.ts";
import type { IO } from "./io.ts";
import { formatBytes } from "./printer.ts";

const redrawMs = 100;
const barWidth = 24;
const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** Shows long work on stderr: a bar on a terminal, one line a step elsewhere. */
export interface ProgressDisplay extends Disposable {
  readonly report: OnProgress;
}

export function showProgress(io: IO, title: string): ProgressDisplay {
  const safeTitle = visibleText(title);
  return io.stderrIsTerminal ? liveBar(io, safeTitle) : plainSteps(io, safeTitle);
}

/** A display that shows nothing, for callers who asked for data only. */
export function silentProgress(): ProgressDisplay {
  return { report: () => undefined, [Symbol.dispose]: () => undefined };
}

function plainSteps(io: IO, title: string): ProgressDisplay {
  let last = "";
  const report = ({ step }: Progress) => {
    if (step !== last) io.stderr.write(`${title}: ${visibleText(step)}\n`);
    last = step;
  };
  return { report, [Symbol.dispose]: () => undefined };
}

function liveBar(io: IO, title: string): ProgressDisplay {
  let current: Progress | undefined;
  let frame = 0;
  const draw = () => {
    if (current === undefined) return;
    const line = `${frames[frame++ % frames.length]} ${title}: ${describe(current)}`;
    io.stderr.write(`\r\u001b[K${line.slice(0, io.width - 1)}`);
  };
  const timer = setInterval(draw, redrawMs);
  const report = (progress: Progress) => {
    current = progress;
  };
  const end = () => {
    clearInterval(timer);
    if (current !== undefined) io.stderr.write("\r\u001b[K");
    // What is written afterwards is not ours to clear.
    current = undefined;
  };
  return { report, [Symbol.dispose]: end };
}

function describe({ step: said, completedBytes, totalBytes }: Progress): string {
  const step = visibleText(said);
  if (completedBytes === undefined) return step;
  if (!totalBytes) return `${step} ${formatBytes(completedBytes)}`;
  const share = Math.min(1, completedBytes / totalBytes);
  const filled = Math.round(share * barWidth);
  return `${step} ${"█".repeat(filled)}${"░".repeat(barWidth - filled)} ${Math.round(share * 100)} % of ${formatBytes(totalBytes)}`;
}
