/** How often each thing is measured. Warm-ups come on top and are thrown away. */
export interface Counts {
  readonly coldRuns: number;
  readonly restoredRuns: number;
  readonly execRoundTrips: number;
  readonly throughputRounds: number;
  readonly throughputMib: number;
  readonly idleGuests: number;
  readonly idleSeconds: number;
  readonly coldRounds: number;
  readonly cliStarts: number;
  readonly clones: number;
  readonly workspaceCreates: number;
  readonly treeRounds: number;
  /** A multiple of four. */
  readonly parallelExecs: number;
  readonly workspacesAlive: number;
  readonly mcpCalls: number;
  /** Of all clients together. */
  readonly forwardedRequests: number;
  readonly diskLooks: number;
  readonly floodMb: number;
  /** Before each series. */
  readonly warmUps: number;
}

export const fullCounts: Counts = {
  coldRuns: 5,
  restoredRuns: 40,
  execRoundTrips: 300,
  throughputRounds: 5,
  throughputMib: 256,
  idleGuests: 20,
  idleSeconds: 12,
  coldRounds: 5,
  cliStarts: 40,
  clones: 100,
  workspaceCreates: 40,
  treeRounds: 5,
  parallelExecs: 1000,
  workspacesAlive: 30,
  mcpCalls: 100,
  forwardedRequests: 10_000,
  diskLooks: 20,
  floodMb: 100,
  warmUps: 3,
};

/** Enough to see that everything works; the figures mean little. */
export const quickCounts: Counts = {
  coldRuns: 1,
  restoredRuns: 4,
  execRoundTrips: 20,
  throughputRounds: 1,
  throughputMib: 32,
  idleGuests: 3,
  idleSeconds: 2,
  coldRounds: 1,
  cliStarts: 4,
  clones: 5,
  workspaceCreates: 4,
  treeRounds: 1,
  parallelExecs: 100,
  workspacesAlive: 4,
  mcpCalls: 5,
  forwardedRequests: 500,
  diskLooks: 3,
  floodMb: 20,
  warmUps: 1,
};
