// A client among many, in a process of its own: arguments are what it does, the workspaces, how often, and a token that
// nobody else has. Prints a line of JSON for each thing that was acknowledged or refused.
import { asPyroError, Pyro } from "../../src/index.ts";

const [what = "", ids = "", times = "1", token = ""] = process.argv.slice(2);
const workspaces = ids.split(",");
using pyro = new Pyro();

/** One line that says what became of one operation. */
export interface Acknowledged {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly error?: string;
  readonly message?: string;
}

type Operation = (id: string, name: string) => Promise<unknown>;

const mixed: Record<string, Operation> = {
  exec: (id, name) => pyro.execWorkspace(id, { command: ["echo", name] }),
  write: (id, name) => pyro.writeWorkspaceFile(id, name, { text: name }),
  list: () => pyro.listWorkspaces(),
  status: (id) => pyro.statusWorkspace(id),
  update: (id, name) => pyro.updateWorkspace(id, { labels: { [token]: name } }),
  snapshot: (id, name) => pyro.createSnapshot(id, name),
  diff: (id) => pyro.diffWorkspace(id),
  files: (id) => pyro.listWorkspaceFiles(id),
};
/** Snapshots are rare, because each holds everybody else back. */
const mix = ["exec", "write", "list", "status", "exec", "update", "write", "files", "diff"];

async function acknowledge(kind: string, id: string, name: string, work: Promise<unknown>) {
  const outcome = await work.then(
    () => ({}),
    (error: unknown) => ({ error: asPyroError(error).code, message: asPyroError(error).message }),
  );
  console.log(JSON.stringify({ kind, id, name, ...outcome } satisfies Acknowledged));
}

/** A command whose two outputs and exit code are its own. */
async function echo(id: string, name: string, exitCode: number): Promise<void> {
  const script = 'printf "out %s" "$1"; printf "err %s" "$1" >&2; exit "$2"';
  const command = ["sh", "-c", script, "sh", name, String(exitCode)];
  const result = await pyro.execWorkspace(id, { command, timeoutSeconds: 120 });
  const { stdout, stderr } = result;
  const expected = [`out ${name}`, `err ${name}`, exitCode];
  if (`${[stdout, stderr, result.exitCode]}` !== `${expected}`)
    throw new TypeError(`"${stdout}" "${stderr}" ${result.exitCode} in place of ${expected}`);
}

const at = (index: number) => workspaces[index % workspaces.length] ?? "";
if (what === "mixed")
  for (let index = 0; index < Number(times); index++) {
    const kind = index % 20 === 10 ? "snapshot" : (mix[index % mix.length] ?? "exec");
    const name = `${token}-${index}`;
    await acknowledge(kind, at(index), name, mixed[kind]?.(at(index), name) ?? Promise.reject());
  }
else {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < Number(times); index = next++) {
      const name = `${token}-${index}-${"x".repeat(index % 500)}`;
      await acknowledge("echo", at(index), name, echo(at(index), name, index % 256));
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}
