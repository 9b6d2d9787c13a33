import type { WorkspaceSeed } from "./workspace-results.ts";

/** Of a workspace that began with nothing. */
export const emptySeed: WorkspaceSeed = {
  mode: "empty",
  seedPath: null,
  entryCount: 0,
  bytes: 0,
  skippedCount: 0,
  skipped: [],
  changedWhileRead: [],
  warnings: [],
};
