import { randomBytes } from "node:crypto";
import { defaults } from "../src/model/limits.ts";
import { ensureEnvironment } from "../src/workspace/environments/ensure-environment.ts";
import { discard } from "../src/workspace/machines/attach-agent.ts";
import { startMachine } from "../src/workspace/machines/start-machine.ts";
import { type StartedMachine, unnamedDisk } from "../src/workspace/machines/start-request.ts";
import { type Bench, environment } from "./bench.ts";

/** A running guest of the default size, gone when it is disposed of or when this process ends. */
export interface Guest extends AsyncDisposable {
  readonly client: StartedMachine["client"];
  readonly pid: number;
}

/** Restores a guest as `pyro run` does, and keeps it. */
export async function startGuest({ engine, config, signal }: Bench): Promise<Guest> {
  const { host } = engine;
  host.prepareDirectories();
  const { image } = await ensureEnvironment(host, environment, { signal });
  const started = await startMachine(await host.machineFactory({ signal }), {
    vcpuCount: defaults.vcpuCount,
    memMib: defaults.memMib,
    cpu: defaults.cpu,
    image,
    disk: unnamedDisk(config.stateDirectory),
    hostname: `bench-${randomBytes(4).toString("hex")}`,
    lifetime: "caller",
    signal,
  });
  return {
    client: started.client,
    pid: started.machine.identity.pid,
    [Symbol.asyncDispose]: () => discard(started),
  };
}
