import type { Command } from "commander";
import { limits, type Pyro, type Shell, type ShellRead } from "../../index.ts";
import { AttachedTerminal } from "../attached-terminal.ts";
import type { CommandContext } from "../context.ts";
import { type Interrupt, watchInterrupts } from "../interrupt.ts";
import type { IO } from "../io.ts";
import { printNote } from "../printer.ts";
import { idMeaning, shellMeaning } from "../workspace-arguments.ts";

interface AttachOptions {
  readonly watch: boolean;
}

export function addWorkspaceShellAttach(group: Command, context: CommandContext): void {
  group
    .command("attach")
    .summary("work in a shell, or look on")
    .description(
      "Shows a shell in this terminal and types into it what you type; without <shell>, the one opened last, or a new one. Several may be attached at once. Ctrl-P Ctrl-Q detaches, and the shell goes on.\nExits with the shell's own code when it ends, 0 after detaching.",
    )
    .argument("<id>", idMeaning)
    .argument("[shell]", shellMeaning)
    .option("--watch", "look on without typing; the size stays as it is", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace shell attach demo\n  pyro workspace shell attach demo sh-1a2b3c4d --watch",
    )
    .action(async (id: string, shell: string | undefined, { watch }: AttachOptions) => {
      const { io, openPyro, exit } = context;
      using pyro = openPyro();
      using interrupt = watchInterrupts();
      const shellId = shell ?? (await shellToAttach(pyro, id, io));
      const ended = await attach({ pyro, io, id, shellId, watch, interrupt });
      if (interrupt.exitCode !== undefined) exit(interrupt.exitCode);
      else if (ended?.state === "ended") exit(ended.exitCode ?? 0);
    });
}

interface AttachCall extends AttachOptions {
  readonly pyro: Pyro;
  readonly io: IO;
  readonly id: string;
  readonly shellId: string;
  /** Whoever ends attach from outside gets the terminal back as one who detaches does. */
  readonly interrupt: Interrupt;
}

/** The one opened last that runs, or a new one of this terminal's size. */
async function shellToAttach(pyro: Pyro, id: string, io: IO): Promise<string> {
  const { shells } = await pyro.listShells(id);
  const last = shells.findLast(({ state }) => state === "running");
  if (last !== undefined) return last.shellId;
  const { shellId } = await pyro.openShell(id, { cols: io.width, rows: io.height });
  return shellId;
}

async function attach(call: AttachCall): Promise<Shell | undefined> {
  const { pyro, io, id, shellId, watch, interrupt } = call;
  const detached = new AbortController();
  const signal = AbortSignal.any([detached.signal, interrupt.signal]);
  using terminal = new AttachedTerminal(io, () => detached.abort());
  const shown = await pyro.readShell(id, shellId, { screen: true });
  await terminal.show(Buffer.from(redrawn(shown)));
  // What was typed meanwhile follows the size, so a program never answers it at another one.
  using _sizes = watch
    ? undefined
    : await followSize(io, (size) => pyro.resizeShell(id, shellId, size));
  const result = await pyro.attachShell(id, shellId, {
    cursor: shown.nextCursor,
    input: watch ? undefined : terminal.input,
    onOutput: (bytes) => terminal.show(bytes),
    signal,
  });
  terminal[Symbol.dispose]();
  const end = signal.aborted ? "Detached; shell" : "Shell";
  printNote(io, `\n${end} ${shellId} ${signal.aborted ? "goes on" : "ended"}.`);
  return signal.aborted ? undefined : result;
}

/** What a shell shows at the moment, as text that draws it. */
function redrawn({ output, screen }: ShellRead): string {
  const lines = output.split("\n");
  if (screen === null) return lines.join("\r\n");
  if (screen.fullScreen) {
    const cursor = `\u001b[${screen.cursorRow};${screen.cursorColumn}H`;
    return `\u001b[?1049h\u001b[2J\u001b[H${lines.join("\r\n")}${cursor}`;
  }
  // Blanks before the cursor are a prompt's.
  const last = lines.at(-1) ?? "";
  return lines.join("\r\n") + " ".repeat(Math.max(0, screen.cursorColumn - 1 - last.length));
}

type Resize = (size: { cols: number; rows: number }) => Promise<unknown>;

/** Makes the shell as large as this terminal, and keeps it so. A program that is told of a size draws anew, so it is told twice at first. */
async function followSize(io: IO, resize: Resize): Promise<Disposable> {
  const { shellColsMin, shellColsMax, shellRowsMax } = limits;
  let last: Promise<unknown> = Promise.resolve();
  const follow = (less: number) => {
    const size = {
      cols: Math.min(shellColsMax, Math.max(shellColsMin, io.width)),
      rows: Math.min(shellRowsMax, Math.max(1, io.height - less)),
    };
    // While there is no connection, or after the end, there is nobody to tell.
    last = last.then(() => resize(size)).catch(() => undefined);
  };
  const onResize = () => follow(0);
  follow(1);
  follow(0);
  io.stdout.on("resize", onResize);
  await last;
  return { [Symbol.dispose]: () => io.stdout.off("resize", onResize) };
}
