import type { ProcessIdentity } from "../platform/processes.ts";
import type { Parameters, Row } from "./database.ts";

// Whatever has a process keeps its identity in three columns of the same names, all null without one.

export function processColumns(process: ProcessIdentity | null): Parameters {
  return {
    pid: process?.pid ?? null,
    start_ticks: process?.startTicks ?? null,
    boot_id: process?.bootId ?? null,
  };
}

export function processOf(row: Row): ProcessIdentity | null {
  if (row.pid === null) return null;
  return {
    pid: Number(row.pid),
    startTicks: String(row.start_ticks),
    bootId: String(row.boot_id),
  };
}
