import { setTimeout as sleep } from "node:timers/promises";
import { AgentClient } from "../../channel/agent-client.ts";
import type { BootFiles, Driver, Machine } from "../../drivers/driver.ts";
import { asPyroError, PyroError } from "../../model/errors.ts";
import { visibleText } from "../../model/text.ts";
import { patience } from "../../platform/config.ts";

/** Eight guests that boot side by side in emulation on two cores need half of it. */
const bootDeadlineMs = 60_000;
const firstTryMs = 250;
/** Long enough for the guest to see that its channel was closed. */
const pauseMs = 50;

/** A machine whose agent answers. */
export interface Attached {
  readonly machine: Machine;
  readonly client: AgentClient;
}

/** What a machine boots with, and who may take it back. */
export interface BootedMachine {
  readonly driver: Driver;
  readonly boot: BootFiles;
  readonly signal?: AbortSignal | undefined;
}

/** Ends a machine that was started; never throws for one that is already gone. */
export async function discard({ machine, client }: Attached): Promise<void> {
  client.close();
  await machine.kill();
}

/** What `work` makes of a machine that was started; it is ended where that fails. */
export async function orDiscard<T>(attached: Attached, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await discard(attached);
    throw error;
  }
}

/** The agent of a machine that is starting; the machine is killed when it does not answer in time. */
export async function attachAgent(
  machine: Machine,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<Attached> {
  const attempt = new AbortController();
  const abort = () => attempt.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    signal?.throwIfAborted();
    const client = await Promise.race([
      connect(machine, deadlineMs * patience(), attempt.signal),
      endOf(machine),
      aborted(attempt.signal),
    ]);
    return { machine, client };
  } catch (error) {
    await machine.kill();
    signal?.throwIfAborted();
    throw await bootFailure(machine, error);
  } finally {
    attempt.abort();
    signal?.removeEventListener("abort", abort);
  }
}

/** The agent of a machine that boots. How that came out is remembered, for whoever asks whether guests boot here. */
export async function attachBooted(
  machine: Machine,
  { driver, boot, signal }: BootedMachine,
): Promise<Attached> {
  try {
    const attached = await attachAgent(machine, bootDeadlineMs, signal);
    await driver.recordBoot(boot, true);
    return attached;
  } catch (error) {
    if (asPyroError(error).code === "guest_boot_failed") await driver.recordBoot(boot, false);
    throw error;
  }
}

/**
 * Attaches to the agent. A connection made right after another one ended can get lost, because the guest did not see
 * the end in between: where the channel can be opened again, short tries are followed by longer ones.
 */
async function connect(
  machine: Machine,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<AgentClient> {
  const deadline = performance.now() + deadlineMs;
  // As long as somebody else has the channel, it may not even be opened.
  const expiry = AbortSignal.timeout(deadlineMs);
  for (let tryMs = machine.reopensChannel ? firstTryMs : deadlineMs; ; tryMs *= 2) {
    const leftMs = deadline - performance.now();
    const stream = await machine
      .openChannel(AbortSignal.any([signal, expiry]))
      .catch((error: unknown) => {
        throw expiry.aborted && !signal.aborted ? noAnswer(error) : error;
      });
    try {
      return await AgentClient.connect(stream, Math.min(tryMs, leftMs));
    } catch (error) {
      stream.destroy();
      signal.throwIfAborted();
      if (!machine.reopensChannel || asPyroError(error).code !== "guest_lost" || tryMs >= leftMs)
        throw error;
      await sleep(pauseMs);
    }
  }
}

function noAnswer(cause: unknown): PyroError {
  return new PyroError("guest_lost", "The guest agent did not answer in time.", { cause });
}

async function endOf(machine: Machine): Promise<never> {
  await machine.exited;
  throw new PyroError("guest_boot_failed", "the virtual machine ended while it was starting.");
}

/** Whether a machine that did not come up ended by itself, rather than having been given up because its agent was silent. */
export function endedByItself(error: unknown): boolean {
  return error instanceof PyroError && asPyroError(error.cause).code === "guest_boot_failed";
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
  );
}

/** Says what the monitor and the guest's console said last, because that is where a boot failure shows. */
async function bootFailure(machine: Machine, error: unknown): Promise<PyroError> {
  const known = asPyroError(error);
  if (known.code === "guest_protocol_error") return known;
  const { stderrTail } = await machine.exited;
  const quoted = [
    quote("The monitor said", stderrTail),
    quote("The guest's console ended with", machine.consoleTail()),
  ].filter(Boolean);
  const detail = quoted.join("\n") || "Neither the monitor nor the guest's console said anything.";
  return new PyroError(
    "guest_boot_failed",
    `The guest did not start: ${known.message}\n${detail}`,
    {
      hint: "Run pyro doctor, which boots a guest of its own. Where that one comes up, the host was too busy for this one: run the command again.",
      cause: error,
    },
  );
}

function quote(title: string, text: string): string {
  const lines = text
    .trimEnd()
    .split("\n")
    .slice(-8)
    .map((line) => visibleText(line.trimEnd(), 160))
    .filter(Boolean);
  return lines.length === 0 ? "" : `${title}:\n  ${lines.join("\n  ")}`;
}
