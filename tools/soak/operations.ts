import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Pyro } from "../../src/index.ts";
import { PyroError } from "../../src/index.ts";

/** One workspace, and where to work for it on the host. */
export interface Turn {
  readonly pyro: Pyro;
  readonly id: string;
  readonly directory: string;
  readonly stateDirectory: string;
  readonly seat: number;
}

/** `gone`: the workspace does not exist any more. */
type Operation = (turn: Turn) => Promise<"gone" | undefined>;

const sh = async ({ pyro, id }: Turn, line: string): Promise<string> => {
  const result = await pyro.execWorkspace(id, { command: ["sh", "-c", line] });
  if (result.exitCode !== 0) throw new TypeError(`sh ended with ${result.exitCode}: ${line}`);
  return result.stdout;
};

const exec: Operation = async (turn) => {
  const word = String(Math.random());
  const said = await sh(turn, `echo ${word}; head -c 20000 /dev/zero | tr '\\0' x`);
  if (!said.startsWith(`${word}\nxxx`)) throw new TypeError("another command's output");
  return undefined;
};

const write: Operation = async ({ pyro, id }) => {
  const text = String(Math.random());
  await pyro.writeWorkspaceFile(id, "written/by/soak", { text });
  const read = await pyro.readWorkspaceFile(id, "written/by/soak");
  if (read.text !== text) throw new TypeError("another file's content");
  return undefined;
};

const sync: Operation = async ({ pyro, id, directory, seat }) => {
  const source = join(directory, `push${seat}`);
  mkdirSync(source, { recursive: true });
  for (let index = 0; index < 20; index++)
    writeFileSync(join(source, `p${index}`), `${Math.random()}`);
  await pyro.pushWorkspaceSync(id, source, { dest: "pushed" });
  return undefined;
};

const patch: Operation = async (turn) => {
  const text = `--- /dev/null\n+++ b/patched\n@@ -0,0 +1 @@\n+${Math.random()}\n`;
  await sh(turn, "rm -f patched");
  await turn.pyro.applyWorkspacePatch(turn.id, { patch: text });
  return undefined;
};

const diff: Operation = async ({ pyro, id }) => {
  await pyro.diffWorkspace(id);
  await pyro.summarizeWorkspace(id);
  return undefined;
};

const snapshot: Operation = async ({ pyro, id }) => {
  await pyro.deleteSnapshot(id, "soak");
  await pyro.createSnapshot(id, "soak");
  return undefined;
};

const reset: Operation = async ({ pyro, id }) => {
  const { snapshots } = await pyro.listSnapshots(id);
  const name = snapshots[Math.floor(Math.random() * snapshots.length)]?.name ?? "baseline";
  await pyro.resetWorkspace(id, { snapshot: name });
  return undefined;
};

const restart: Operation = async ({ pyro, id }) => {
  await pyro.stopWorkspace(id);
  await pyro.startWorkspace(id);
  return undefined;
};

const exported: Operation = async ({ pyro, id, directory, seat }) => {
  const outputPath = join(directory, `export${seat}`);
  await pyro.exportWorkspace(id, "/workspace", { outputPath });
  rmSync(outputPath, { recursive: true });
  return undefined;
};

const remove: Operation = async ({ pyro, id }) => {
  await pyro.deleteWorkspace(id);
  return "gone";
};

/** Kills the supervisor in the middle of a command; the next command must find another one. */
const killSupervisor: Operation = async (turn) => {
  const pid = supervisorOf(turn.id);
  if (pid === undefined) return undefined;
  const running = sh(turn, "sleep 0.2").catch((error: unknown) => {
    if (!(error instanceof PyroError)) throw error;
  });
  process.kill(pid, "SIGKILL");
  await running;
  await sh(turn, "true");
  return undefined;
};

function supervisorOf(id: string): number | undefined {
  const title = `pyro supervisor ${id}`;
  const name = readdirSync("/proc").find((one) => {
    try {
      return /^\d+$/.test(one) && readFileSync(`/proc/${one}/cmdline`, "latin1").startsWith(title);
    } catch {
      return false;
    }
  });
  return name === undefined ? undefined : Number(name);
}

/** By name, as often as they are to come. */
export const operations: readonly (readonly [string, Operation])[] = [
  ["exec", exec],
  ["exec", exec],
  ["exec", exec],
  ["write", write],
  ["write", write],
  ["sync", sync],
  ["patch", patch],
  ["diff", diff],
  ["snapshot", snapshot],
  ["reset", reset],
  ["restart", restart],
  ["export", exported],
  ["kill supervisor", killSupervisor],
  ["delete", remove],
];
