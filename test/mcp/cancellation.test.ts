import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { createServer, type Pyro } from "../../src/index.ts";
import type { Json } from "./support/mcp-connection.ts";

const allowed = mkdtempSync(join(tmpdir(), "pyro-test-"));
after(() => rmSync(allowed, { recursive: true }));

const at = { workspace_id: "any" };

/** Every tool that may wait for a guest or for the network. */
const calls: readonly (readonly [tool: string, input: Json])[] = [
  ["vm_run", { command: "true" }],
  ["vm_start", { vm_id: "any" }],
  ["vm_exec", { vm_id: "any", command: "true" }],
  ["workspace_create", { seed: "empty" }],
  ["workspace_start", at],
  ["workspace_reset", at],
  ["workspace_exec", { ...at, command: "true" }],
  ["workspace_logs", { ...at, sequence: 1, wait_seconds: 50 }],
  ["workspace_summary", at],
  ["workspace_sync_push", { ...at, source: allowed }],
  ["workspace_file_list", at],
  ["workspace_file_read", { ...at, path: "a" }],
  ["workspace_file_write", { ...at, path: "a", text: "" }],
  ["workspace_patch_apply", { ...at, patch: "a" }],
  ["workspace_diff", at],
  ["workspace_export", { ...at, path: "a", output_path: join(allowed, "new") }],
  ["workspace_disk_list", at],
  ["workspace_disk_read", { ...at, path: "/a" }],
  ["workspace_disk_export", { ...at, output_path: join(allowed, "image") }],
  ["snapshot_create", { ...at, name: "a" }],
  ["service_start", { ...at, name: "a", command: "true" }],
  ["service_logs", { ...at, name: "a" }],
  ["service_stop", { ...at, name: "a" }],
  ["shell_read", { ...at, shell_id: "sh-1" }],
];

for (const [tool, input] of calls)
  test(`taking back ${tool} is told to the engine`, async () => {
    const engine = new WaitingEngine();
    using server = createServer({
      profile: "workspace-full",
      allowPaths: [allowed],
      pyro: engine.pyro,
    });
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await server.connect(theirs);
    const client = new Client({ name: "test", version: "1" });
    await client.connect(ours);
    const stop = new AbortController();
    const called = client.callTool({ name: tool, arguments: input }, { signal: stop.signal });
    called.catch(() => undefined);
    const early = called.then((answer) => assert.fail(`it answered: ${JSON.stringify(answer)}`));
    const signal = await Promise.race([engine.asked, early]);
    assert.equal(signal.aborted, false);
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
    stop.abort();
    await aborted;
    await client.close();
  });

/** Does nothing but wait to be told to stop. */
class WaitingEngine {
  /** The signal that the first call was given. */
  readonly asked: Promise<AbortSignal>;
  readonly pyro: Pyro;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<AbortSignal>();
    this.asked = promise;
    const method =
      (name: string) =>
      (...given: { signal?: AbortSignal }[]) => {
        const signal = given.at(-1)?.signal;
        if (signal instanceof AbortSignal) resolve(signal);
        else reject(new TypeError(`${name} was given no signal`));
        return new Promise(() => undefined);
      };
    this.pyro = new Proxy({} as Pyro, {
      // It is no promise, though everything else of it is a method.
      get: (_, name) => (name === "then" ? undefined : method(String(name))),
    });
  }
}
