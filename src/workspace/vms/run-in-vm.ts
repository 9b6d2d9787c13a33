import { randomBytes } from "node:crypto";
import { cpuFor } from "../../environments/store.ts";
import type { EgressOptions, EgressPolicy } from "../../model/egress.ts";
import { PyroError } from "../../model/errors.ts";
import { defaults } from "../../model/limits.ts";
import {
  machineSize,
  runnableCommand,
  type SizeOptions,
  timeoutMs,
  ttlMs,
} from "../../model/machine-options.ts";
import type { RunResult } from "../../model/results.ts";
import { ensureEnvironment } from "../environments/ensure-environment.ts";
import type { SecretSource } from "../life/workspace-options.ts";
import type { Host, WorkOptions } from "../machines/host.ts";
import { type CommandRequest, runCommand } from "../machines/run-command.ts";
import { startMachine } from "../machines/start-machine.ts";
import { unnamedDisk } from "../machines/start-request.ts";
import { askedPolicy, noRulesWithoutIsolation } from "../network/asked-policy.ts";
import { letOut } from "../network/let-out.ts";
import type { OneShotCredentials } from "../network/one-shot-credentials.ts";
import { askedSecrets } from "../secrets/asked-secrets.ts";
import { runWithoutIsolation } from "./run-without-isolation.ts";

export interface RunInVmOptions
  extends WorkOptions,
    SizeOptions,
    EgressOptions,
    Pick<CommandRequest, "stdin" | "onStdout" | "onStderr"> {
  /** Catalog name or image reference. Installed first when missing. */
  readonly environment: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Seconds the command may take. Default 30. */
  readonly timeoutSeconds?: number | undefined;
  /** Seconds the VM may live, whatever happens. Default 600. */
  readonly ttlSeconds?: number | undefined;
  /** Whether the command may reach anything at all; what, the options below say. Default false. */
  readonly network?: boolean | undefined;
  /** Credentials that pyro puts into what the command sends; each says for which hosts. Default none. */
  readonly secrets?: readonly SecretSource[] | undefined;
  /** Runs the command as an ordinary process of this host when no guest can run. Default false. */
  readonly allowHostCompat?: boolean | undefined;
}

/** One command in a virtual machine that exists for it alone. */
export async function runInVm(host: Host, options: RunInVmOptions): Promise<RunResult> {
  const command = runnableCommand(options.command);
  const size = machineSize(options, host.memMib);
  const { network = false } = options;
  const request: Omit<CommandRequest, "cpu"> = {
    ...options,
    command,
    networkPolicy: network ? "egress" : "off",
    timeoutMs: timeoutMs(options.timeoutSeconds),
  };
  const ttl = ttlMs(options.ttlSeconds);
  const policy = await askedPolicy(options, network);
  const credentials = await askedCredentials(options.secrets, { isOut: network, policy });
  host.prepareDirectories();
  if (options.allowHostCompat && !(await canIsolate(host, options))) {
    if (network) throw noRulesWithoutIsolation();
    return runWithoutIsolation(host, { ...request, cpu: size.cpu ?? defaults.cpu });
  }

  const { image } = await ensureEnvironment(host, options.environment, options);
  const cpu = cpuFor(image, size.cpu);
  const factory = await host.machineFactory(options);
  host.trace.mark("ready");
  const life = lifeOf(ttl, options.signal);
  const disk = unnamedDisk(host.config.stateDirectory);
  const hostname = `pyro-${randomBytes(4).toString("hex")}`;
  try {
    const started = await startMachine(factory, {
      ...size,
      cpu,
      image,
      disk,
      hostname,
      lifetime: "caller",
      signal: life.signal,
    });
    try {
      using egress = network ? await letOut(started.client, { policy, credentials }) : undefined;
      await credentials?.place(started.client);
      const result = await runCommand(started.client, factory.driver, {
        ...request,
        cpu,
        signal: life.signal,
        denied: () => egress?.denied ?? [],
        values: credentials && (() => credentials.values()),
      });
      host.trace.mark("finished");
      return result;
    } finally {
      started.client.close();
      await started.machine.halt();
      host.trace.mark("gone");
    }
  } finally {
    life.end();
  }
}

async function askedCredentials(
  sources: readonly SecretSource[] | undefined,
  { isOut, policy }: { readonly isOut: boolean; readonly policy: EgressPolicy },
): Promise<OneShotCredentials | undefined> {
  if (sources === undefined || sources.length === 0) return undefined;
  const { OneShotCredentials } = await import("../network/one-shot-credentials.ts");
  const asked = await askedSecrets(sources, {
    ...{ isOut, policy },
    hintOut: "Add --network.",
    allow: (target) => `Allow it: --allow-host ${target}`,
  });
  return OneShotCredentials.of(asked);
}

async function canIsolate(host: Host, options: WorkOptions): Promise<boolean> {
  const { driver } = await host.isolatingDriver(await host.installedBootFiles(), options.signal);
  return driver !== undefined;
}

/** A signal that fires when the caller gives up or the machine's time is over. */
function lifeOf(
  ttl: number,
  signal: AbortSignal | undefined,
): { signal: AbortSignal; end(): void } {
  const expiry = new AbortController();
  const timer = setTimeout(
    () =>
      expiry.abort(
        new PyroError("expired", `The VM lived for its ${ttl / 1000} s and was deleted.`, {
          hint: "Give it longer with --ttl-seconds.",
        }),
      ),
    ttl,
  );
  return {
    signal: signal ? AbortSignal.any([signal, expiry.signal]) : expiry.signal,
    end: () => clearTimeout(timer),
  };
}
