// The process that makes standby machines ready, behind whoever took the last one.
import { compose } from "./compose.ts";
import { readConfig } from "./platform/config.ts";
import { isAlive } from "./platform/processes.ts";
import { untilCoreIsIdle } from "./workspace/standby/idle-core.ts";
import { keepStandbys } from "./workspace/standby/keep-standbys.ts";
import { type RefillRequest, userKeeper } from "./workspace/standby/refill-standbys.ts";

/** On a host that is never idle, whoever took the last one has ended by then, or takes long. */
const idleTimeoutMs = 10_000;
/** Whoever makes another one ready is done by then, or this host is too busy for more. */
const lockTimeoutMs = 30_000;

process.title = "pyro standby";
// It must outlive the terminal it was started from.
for (const signal of ["SIGHUP", "SIGINT"] as const) process.on(signal, () => undefined);

const request = JSON.parse(process.argv[2] ?? "") as RefillRequest;
await untilCoreIsIdle(idleTimeoutMs);
// Nobody waits for it, so that nobody is told why there is none.
const { host } = compose(readConfig());
const isKept = await keepStandbys(host, { ...request, lockTimeoutMs }).then(
  () => true,
  () => false,
);
const { keeper, process: asked } = request;
// Whoever keeps one for himself would have ended it with himself.
if (keeper !== userKeeper && !isAlive(asked))
  await host.standbys.endWaiting(({ record }) => record.keeper === keeper);
process.exit(isKept ? 0 : 1);
