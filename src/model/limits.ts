/** Bounds of what a caller may ask for, each with its reason. */
export const limits = {
  /** More than any host has use for; QEMU's microvm stops at 288. */
  vcpuCountMax: 64,
  /** Less and the guest kernel does not start its agent. */
  memMibMin: 256,
  memMibMax: 1024 * 1024,
  /** A day: a command that runs longer belongs in a workspace service. */
  timeoutSecondsMax: 86_400,
  ttlSecondsMax: 30 * 86_400,
  /** Linux's own bound on one argument list is 2 MiB. */
  commandBytesMax: 2 * 1024 * 1024,
  commandEntriesMax: 16_384,
  /** What a captured result keeps of each output stream; what is missing in the middle is counted. */
  capturedOutputBytesMax: 8 * 1024 * 1024,
  /** Of those, how much is kept for the end: errors come last. */
  capturedTailBytesMax: 1024 * 1024,
  /** What the journal keeps of the beginning of each stream of a command, and of its end. */
  journalHeadBytesMax: 8 * 1024 * 1024,
  journalTailBytesMax: 1024 * 1024,
  /** What it keeps of what came after a command's end: the newest, at least half of this. */
  lateOutputBytesMax: 8 * 1024 * 1024,
  /** How many commands, and how many other events, a workspace remembers; the oldest go first. */
  journalCommandsMax: 10_000,
  journalEventsMax: 10_000,
  /** About how much one page of a workspace's log holds; more is read page by page. */
  logsPageBytesMax: 32 * 1024 * 1024,
  /** Of one file read into a result. */
  fileReadBytesMax: 16 * 1024 * 1024,
  /** More is a tree, to be pushed. */
  fileWriteBytesMax: 64 * 1024 * 1024,
  networkRulesMax: 10_000,
  /** Of a `.pyro.toml` that tightens them. */
  projectFileBytesMax: 64 * 1024,
  /** Of a rule that ends by itself: a day. */
  networkRuleSecondsMax: 86_400,
  networkLogMax: 5_000,
  egressConnectionsMax: 256,
  /** Hosts that this machine's package managers name as their index. */
  ownRegistriesMax: 64,
  /** How many services of a workspace run, and how many that are over are remembered. */
  servicesMax: 64,
  /** Connections through the published ports of a workspace at a time. */
  forwardedConnectionsMax: 256,
  /** Of what a service wrote, read into a result. */
  serviceLogsBytesMax: 16 * 1024 * 1024,
  /** A week: a probe that asks for longer is a mistake. */
  readyTimeoutSecondsMax: 7 * 86_400,
  readyIntervalMsMin: 10,
  readyIntervalMsMax: 3_600_000,
  stopGraceSecondsMax: 3_600,
  /** What a terminal may be: programs draw nothing usable on less, and more is no window of anybody. */
  shellColsMin: 2,
  shellColsMax: 1000,
  shellRowsMax: 500,
  /** Of one piece of a shell's output; more is read piece by piece. */
  shellReadCharsMax: 262_144,
  /** Typed at once; more is a file. */
  shellInputBytesMax: 1024 * 1024,
  /** Machines that wait; each costs the host its memory. */
  standbyCountMax: 16,
  standbyIdleMinutesMax: 1440,
  labelCountMax: 64,
  labelBytesMax: 1024,
  secretCountMax: 64,
  secretBytesMax: 64 * 1024,
  /** A shorter value would be found everywhere. */
  secretBytesMin: 4,
  /** Of all of a workspace's secrets: finding them in output takes a few dozen bytes of memory for each of theirs. */
  secretsBytesMax: 256 * 1024,
} as const;

/** What holds when a caller does not say. */
export const defaults = {
  vcpuCount: 1,
  memMib: 1024,
  cpu: "v2",
  timeoutSeconds: 30,
  ttlSeconds: 600,
  fileReadBytes: 65_536,
  readyTimeoutSeconds: 30,
  readyIntervalMs: 500,
  stopGraceSeconds: 10,
  logTailLines: 200,
  shellCols: 120,
  shellRows: 30,
  shellReadChars: 65_536,
} as const;
