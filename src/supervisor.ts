// The process that looks after one running workspace; started by whoever needs it, or before and told for which.
import { adopterOf } from "./compose-supervisor.ts";
import { asPyroError } from "./model/errors.ts";
import { readConfig } from "./platform/config.ts";
import { awaitOrder, supervisorTitle } from "./workspace/supervisor/await-order.ts";
import { superviseWorkspace } from "./workspace/supervisor/supervise.ts";

// It must outlive the terminal it was started from.
for (const signal of ["SIGHUP", "SIGINT"] as const) process.on(signal, () => undefined);

const [stateDirectory, workspaceId] = process.argv.slice(2);
const order =
  stateDirectory === undefined || workspaceId === undefined
    ? await awaitOrder()
    : { stateDirectory, workspaceId };
if (order === undefined) process.exit(0);
process.title = supervisorTitle(order);

try {
  await superviseWorkspace({
    ...order,
    outputBytesMax: readConfig().logBytesMax,
    adopt: (row, directory) => {
      if (row.process === null) throw new TypeError("a running workspace has a process");
      return adopterOf(row.driver)(row.process, directory);
    },
  });
  process.exit(0);
} catch (error) {
  // Standard error is the workspace's supervisor.log.
  process.stderr.write(`${asPyroError(error).message}\n`);
  process.exit(1);
}
