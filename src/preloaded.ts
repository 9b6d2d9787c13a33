import { mkdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { IO } from "./cli/io.ts";
import { compose } from "./compose.ts";
import { doHeldBack, holdingBack } from "./platform/behind-answer.ts";
import { becomeCaller, readConfig, suitsRuntime } from "./platform/config.ts";
import { writeFileAtomicallySync } from "./platform/files.ts";
import { acquireLock, type Lock } from "./platform/lock.ts";
import { identifySelf } from "./platform/processes.ts";
import { startTimeAnew } from "./platform/trace.ts";
import { awaitCall, type Call } from "./preloaded/await-call.ts";
import type { CallRequest } from "./preloaded/call-request.ts";
import { callerIO } from "./preloaded/caller-io.ts";
import { lookOf, type Standbys } from "./workspace/machines/standbys.ts";
import {
  type CommandLineRecord,
  type CommandLineRequest,
  commandLinePaths,
  waitingCommandLine,
} from "./workspace/standby/command-line.ts";
import { untilCoreIsIdle } from "./workspace/standby/idle-core.ts";
import { processorTicks } from "./workspace/standby/standby-cost.ts";
import { floorsOfHost, whyHeldBack } from "./workspace/standby/standby-floors.ts";
import { readSettingsSync } from "./workspace/standby/standby-settings.ts";

const idleTimeoutMs = 10_000;
const exerciseRounds = 10;
/** Neither the beginning of an id, which has other digits, nor a name, which begins in another way. */
export const absentWorkspace = "ws-none";
/** How often it looks whether it is wanted still. */
const lookMs = 5_000;

/** Runs a command line and answers its exit code. */
export type RunCommandLine = (args: readonly string[], io: IO) => Promise<number>;

/** Waits, with all of it loaded, for somebody's command line, and runs that one as a process of his own would. Ends the process. */
export async function waitForCommandLine(told: string, run: RunCommandLine): Promise<never> {
  process.title = "pyro command line";
  const ignore = () => undefined;
  // It must outlive the terminal it was started from.
  for (const signal of ["SIGHUP", "SIGINT"] as const) process.on(signal, ignore);
  const { host } = compose(readConfig());
  host.prepareDirectories();
  mkdirSync(host.standbys.root, { recursive: true, mode: 0o700 });
  const waiting = new Waiting(host.standbys, JSON.parse(told) as CommandLineRequest);
  const lock = await waiting.lock().catch(() => process.exit());
  if (!waiting.isUrgent) await untilCoreIsIdle(idleTimeoutMs);
  if (waitingCommandLine(host.standbys) !== undefined || !waiting.isWanted()) process.exit();
  await exercise(run);
  const call = await waiting.untilCalled(lock);
  for (const signal of ["SIGHUP", "SIGINT"] as const) process.off(signal, ignore);
  if (call !== undefined) await serve(call, run);
  process.exit();
}

/** What is offered, and for how long. */
class Waiting {
  readonly #standbys: Standbys;
  readonly #request: CommandLineRequest;
  readonly #floors = floorsOfHost();
  /** The program that this process is, as callers name it, and as it was when this process loaded it. */
  readonly #program = realpathSync(process.argv[1] ?? "");
  readonly #look = lookOf(this.#program);

  constructor(standbys: Standbys, request: CommandLineRequest) {
    this.#standbys = standbys;
    this.#request = request;
  }

  /** Whether somebody waits for it. */
  get isUrgent(): boolean {
    return this.#request.atOnce;
  }

  /** Held until this one is offered. Throws when somebody else is at it. */
  lock(): Promise<Lock> {
    return acquireLock(join(this.#standbys.root, "command-line.lock"), { timeoutMs: 0 });
  }

  /** Undefined when nobody has come for so long, or it is not wanted any more. */
  async untilCalled(lock: Lock): Promise<Call | undefined> {
    const withdrawn = new AbortController();
    const watch = setInterval(() => this.isWanted() || withdrawn.abort(), lookMs);
    const end = setTimeout(() => withdrawn.abort(), this.#request.idleSeconds * 1000);
    const { socket } = commandLinePaths(this.#standbys);
    try {
      this.#writeRecord();
      lock.release();
      // Whoever turned it off meanwhile could not see this one.
      if (!this.isWanted()) return undefined;
      return await awaitCall(socket, (request) => this.#suits(request), withdrawn.signal);
    } catch {
      // Withdrawn, or a caller that went away before it had brought everything.
      return undefined;
    } finally {
      clearInterval(watch);
      clearTimeout(end);
      this.#forgetRecord();
    }
  }

  /** Not once `pyro standby off` was said, the program was replaced, others need the memory, or the place for it is gone. */
  isWanted(): boolean {
    const isOn = !this.#request.followsSettings || readSettingsSync(this.#standbys) !== undefined;
    try {
      return isOn && this.#isCurrent() && whyHeldBack(this.#standbys.root, this.#floors) === null;
    } catch {
      return false;
    }
  }

  /** Whether a caller is one whose command line would do the same in a process of its own. */
  #suits({ program, environment, directory }: CallRequest): boolean {
    if (!this.#isCurrent() || !suitsRuntime(environment)) return false;
    try {
      if (realpathSync(program) !== this.#program) return false;
      process.chdir(directory);
    } catch {
      return false;
    }
    this.#forgetRecord();
    return true;
  }

  #isCurrent(): boolean {
    return lookOf(this.#program) === this.#look;
  }

  #writeRecord(): void {
    const record: CommandLineRecord = {
      process: identifySelf(),
      readyAt: new Date().toISOString(),
      idleSeconds: this.#request.idleSeconds,
      usedTicks: processorTicks(process.pid),
    };
    const path = commandLinePaths(this.#standbys).record;
    writeFileAtomicallySync(path, JSON.stringify(record), { isFlushed: false });
  }

  /** From then on nobody ends what may be at work. */
  #forgetRecord(): void {
    if (waitingCommandLine(this.#standbys)?.process.pid === process.pid)
      rmSync(commandLinePaths(this.#standbys).record, { force: true });
  }
}

async function serve(call: Call, run: RunCommandLine): Promise<void> {
  const { request, control, streams } = call;
  const [, stdout, stderr] = streams;
  // Whoever's command line this is was killed, and would have been this process.
  const abandoned = () => process.kill(process.pid, "SIGKILL");
  if (control.destroyed) abandoned();
  control.once("close", abandoned);
  startTimeAnew();
  becomeCaller(request.environment);
  process.umask(request.umask);
  // A reader that went away ends the work.
  const unread = () => {
    control.write("exit 141\n");
    process.exit();
  };
  stdout.once("close", unread);
  const code = await holdingBack(() => run(request.args, callerIO(call)));
  stdout.off("close", unread);
  for (const stream of [stdout, stderr])
    if (!stream.destroyed) await new Promise<void>((resolve) => stream.end(resolve));
  control.off("close", abandoned);
  await new Promise<void>((resolve) => control.end(`exit ${code}\n`, resolve));
  doHeldBack();
}

/** Code is compiled when it first runs, and better when it has run often: so commands are made, read, and end early. */
async function exercise(run: RunCommandLine): Promise<void> {
  const nowhere = () => new PassThrough().resume();
  for (let round = 0; round < exerciseRounds; round++)
    for (const args of [
      ["run", "--help"],
      ["workspace", "exec", absentWorkspace, "--", "true"],
    ])
      await run(args, {
        ...{ stdin: nowhere(), stdout: nowhere(), stderr: nowhere(), inputKind: "nothing" },
        ...{ stdoutIsTerminal: false, stderrIsTerminal: false },
        ...{ color: false, width: 80, height: 24 },
      });
}
