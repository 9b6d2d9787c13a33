import { InvalidArgumentError } from "commander";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Beyond this a date says more than a number of days. */
const relativeDaysMax = 60;

/** `2026-01-04T10:00:00Z` as `3 min ago` or `in 2 h`. */
export function relativeTime(at: string, nowMs: number): string {
  const distanceMs = Date.parse(at) - nowMs;
  if (Number.isNaN(distanceMs)) return "-";
  const amount = roundedAmount(Math.abs(distanceMs));
  if (amount === undefined) return at.slice(0, 10);
  if (amount === "0 s") return "now";
  return distanceMs < 0 ? `${amount} ago` : `in ${amount}`;
}

function roundedAmount(ms: number): string | undefined {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(ms / minuteMs);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.round(ms / hourMs);
  if (hours < 48) return `${hours} h`;
  const days = Math.round(ms / dayMs);
  return days <= relativeDaysMax ? `${days} d` : undefined;
}

/** `2026-01-04 10:32` in the time zone of this process. */
export function localTime(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "-".padEnd(16);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** How long something took: `312 ms`, `3.2 s`, `2 min 5 s`, `1 h 3 min`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `30m`, `12h` or `7d` on the command line, in seconds. */
export function durationArgument(text: string): number {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const unitSeconds = secondsPerUnit[unit ?? ""];
  if (amount === undefined || unitSeconds === undefined)
    throw new InvalidArgumentError(`"${text}" is not a duration such as 30m, 12h or 7d.`);
  return Number(amount) * unitSeconds;
}
