// Has a supervisor wait, as an MCP server does, until it is killed.
import { setInterval } from "node:timers";
import { readConfig } from "../../src/platform/config.ts";
import { SpareSupervisor } from "../../src/workspace/life/spare-supervisor.ts";

const [program = ""] = process.argv.slice(2);
const spare = new SpareSupervisor({ config: readConfig(), program });
await spare.keep({ idleSeconds: 900, untilIdle: async () => undefined });
setInterval(() => undefined, 1_000);
