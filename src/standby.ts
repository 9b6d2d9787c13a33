// The process that makes standby machines ready, behind whoever took the last one.
import { compose } from "./compose.ts";
import { readConfig } from "./platform/config.ts";
import { isAlive } from "./platform/processes.ts";
import { untilCoreIsIdle } from "./workspace/standby/idle-core.ts";
import { keepStandbys } from "./workspace/standby/keep-standbys.ts";
import { type RefillRequest, userKeeper } from "./workspace/standby/refill-standbys.ts";
import { readSettingsSync } from "./workspace/standby/standby-settings.ts";

/** On a host that is never idle, whoever took the last one has ended by then, or takes long. */
const idleTimeoutMs = 10_000;
/** Whoever makes another one ready is done by then, or this host is too busy for more. */
const lockTimeoutMs = 30_000;

process.title = "pyro standby";
// It must outlive the terminal it was started from.
for (const signal of ["SIGHUP", "SIGINT"] as const) process.on(signal, () => undefined);

const request = JSON.parse(process.argv[2] ?? "") as RefillRequest;
const { host } = compose(readConfig());
await untilCoreIsIdle(idleTimeoutMs);
if (isWanted()) {
  // Nobody waits for it, so that nobody is told why there is none.
  await keepStandbys(host, { ...request, lockTimeoutMs }).catch(() => undefined);
  // Whoever ended his own meanwhile could not see this one.
  if (!isWanted()) await host.standbys.endWaiting(({ record }) => record.keeper === request.keeper);
}
process.exit(0);

/** Not once its server has ended, or `pyro standby off` was said. */
function isWanted(): boolean {
  const { keeper, process: asked, followsSettings } = request;
  if (keeper !== userKeeper) return isAlive(asked);
  return !followsSettings || readSettingsSync(host.standbys) !== undefined;
}
