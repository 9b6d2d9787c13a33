// Creates one workspace in a process of its own; arguments: options as JSON. Prints what that took. Not TypeScript,
// because removing the types would count as memory of pyro.
import { Pyro } from "../../dist/index.js";

const [options = "{}"] = process.argv.slice(2);
using pyro = new Pyro();
const startedAt = performance.now();
let copiedMs = 0;
const workspace = await pyro.createWorkspace({
  ...JSON.parse(options),
  onProgress: ({ step }) => {
    if (step.includes("baseline")) copiedMs = performance.now() - startedAt;
  },
});
const wallMs = performance.now() - startedAt;
const { workspaceId, workspaceSeed } = workspace;
// The kernel counts in KiB.
const peakMib = process.resourceUsage().maxRSS / 1024;
process.stdout.write(
  JSON.stringify({ workspaceId, bytes: workspaceSeed.bytes, wallMs, copiedMs, peakMib }),
);
