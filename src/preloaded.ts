// A command line that is loaded, waits for somebody's and runs that one; started behind whoever took the last.
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { runCommandLine } from "./cli/program.ts";
import { hideExperimentalWarnings } from "./cli/warnings.ts";
import { compose } from "./compose.ts";
import { keepCompiledCode } from "./platform/compile-cache.ts";
import { becomeCaller, readConfig, suitsRuntime } from "./platform/config.ts";
import { writeFileAtomicallySync } from "./platform/files.ts";
import { identifySelf } from "./platform/processes.ts";
import { startTimeAnew } from "./platform/trace.ts";
import { awaitCall, type Call } from "./preloaded/await-call.ts";
import { callerIO } from "./preloaded/caller-io.ts";
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
/** How often it looks whether it is wanted still. */
const lookMs = 5_000;

process.title = "pyro command line";
hideExperimentalWarnings();
keepCompiledCode();
const ignore = () => undefined;
// It must outlive the terminal it was started from.
for (const signal of ["SIGHUP", "SIGINT"] as const) process.on(signal, ignore);

const { idleSeconds, followsSettings } = JSON.parse(process.argv[2] ?? "") as CommandLineRequest;
const { host } = compose(readConfig());
const { standbys } = host;
host.prepareDirectories();
mkdirSync(standbys.root, { recursive: true, mode: 0o700 });
const paths = commandLinePaths(standbys);
const program = join(import.meta.dirname, "cli.js");
const look = lookOf(program);
const floors = floorsOfHost();

await untilCoreIsIdle(idleTimeoutMs);
if (!isWanted() || waitingCommandLine(standbys) !== undefined) process.exit(0);
await exercise();
const withdrawn = new AbortController();
const watch = setInterval(() => isWanted() || withdrawn.abort(), lookMs);
const end = setTimeout(() => withdrawn.abort(), idleSeconds * 1000);
writeRecord();
// Whoever turned it off meanwhile could not see this one.
if (!isWanted()) withdrawn.abort();
const call = await awaitCall(paths.socket, suits, withdrawn.signal).catch(() => undefined);
clearInterval(watch);
clearTimeout(end);
if (call === undefined) {
  forgetRecord();
  process.exit(0);
}
for (const signal of ["SIGHUP", "SIGINT"] as const) process.off(signal, ignore);
await serve(call);

/** Whether a caller is one whose command line would do the same in a process of its own. */
function suits(request: Call["request"]): boolean {
  if (request.program !== program || lookOf(program) !== look) return false;
  if (!suitsRuntime(request.environment)) return false;
  try {
    process.chdir(request.directory);
  } catch {
    return false;
  }
  forgetRecord();
  return true;
}

async function serve(taken: Call): Promise<void> {
  const { request, control, streams } = taken;
  const [, stdout, stderr] = streams;
  // Whoever's command line this is was killed, and this would have been the process.
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
  const code = await runCommandLine(request.args, callerIO(taken));
  stdout.off("close", unread);
  for (const stream of [stdout, stderr])
    if (!stream.destroyed) await new Promise<void>((resolve) => stream.end(resolve));
  control.off("close", abandoned);
  await new Promise<void>((resolve) => control.end(`exit ${code}\n`, resolve));
  process.exit();
}

/** Not once `pyro standby off` was said, the program was replaced, or others need the memory. */
function isWanted(): boolean {
  const isOn = !followsSettings || readSettingsSync(standbys) !== undefined;
  return isOn && lookOf(program) === look && whyHeldBack(standbys.root, floors) === null;
}

/** Code is compiled when it first runs: so the commands are made and one is parsed. */
async function exercise(): Promise<void> {
  const nowhere = () => new PassThrough().resume();
  await runCommandLine(["workspace", "exec", "--help"], {
    ...{ stdin: nowhere(), stdout: nowhere(), stderr: nowhere(), inputKind: "nothing" },
    ...{ stdoutIsTerminal: false, stderrIsTerminal: false, color: false, width: 80, height: 24 },
  });
}

function lookOf(path: string): string {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? "" : `${status.ino} ${status.mtimeMs}`;
}

function writeRecord(): void {
  const record: CommandLineRecord = {
    process: identifySelf(),
    readyAt: new Date().toISOString(),
    idleSeconds,
    usedTicks: processorTicks(process.pid),
  };
  writeFileAtomicallySync(paths.record, JSON.stringify(record), { isFlushed: false });
}

/** From then on nobody ends what may be at work. */
function forgetRecord(): void {
  if (waitingCommandLine(standbys)?.process.pid === process.pid)
    rmSync(paths.record, { force: true });
}
