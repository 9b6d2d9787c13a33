import { type ChildProcess, spawn } from "node:child_process";
import { toolEnvironment } from "../../src/platform/config.ts";
import type { Pyro } from "../../src/pyro.ts";
import { type Bench, environment } from "../bench.ts";
import { atMost, latency } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { median } from "../statistics.ts";
import { timeOf } from "../time.ts";
import { makeFleet } from "../workspaces.ts";

const backlogBytes = 1 << 20;
/** Lines as a build writes them, as many as are kept of a shell, and then silence. */
const writesMuch = `yes 'CC some/directory/of/a/project/with_a_file.o' | head -c ${backlogBytes}; echo; echo over; read x`;

/** Programs on terminals, typed into and read. */
export const shells: Section = {
  name: "shells",
  title: "shells of a workspace: what is typed comes back, and a backlog is read",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using fleet = await makeFleet(bench);
  const echo = await echoTimes(bench, fleet.pyro);
  const read = await readTimes(bench, fleet.pyro);
  return {
    figures: [
      latency("shell write → echoed and read, SDK", echo.shellMs, atMost(30)),
      latency("  the same through `script` on the host, alternating", echo.scriptMs),
      {
        name: "  ratio",
        value: median(echo.shellMs) / median(echo.scriptMs),
        unit: "×",
        note: "p50 / p50",
      },
      latency("shell read --plain of 1 MiB, first of its supervisor", read.firstMs, atMost(150)),
      latency("  of another shell afterwards", read.anotherMs, atMost(150)),
      latency("  when nothing new came, from where it ended", read.againMs, atMost(10)),
      latency("  when nothing new came, all of it once more", read.allAgainMs, atMost(10)),
    ],
    samples: { ...echo, ...read },
  };
}

async function echoTimes(
  bench: Bench,
  pyro: Pyro,
): Promise<Record<"shellMs" | "scriptMs", number[]>> {
  const { workspaceId: id } = await pyro.createWorkspace({ environment, signal: bench.signal });
  const { shellId } = await pyro.openShell(id, { command: ["cat"] });
  using script = new Script();
  let cursor = 0;
  const calls = {
    shellMs: async (word: string) => {
      await pyro.writeShell(id, shellId, { input: word });
      const { nextCursor } = await pyro.readShell(id, shellId, { cursor, waitFor: word });
      cursor = nextCursor;
    },
    scriptMs: (word: string) => script.echo(word),
  };
  const samples: Record<keyof typeof calls, number[]> = { shellMs: [], scriptMs: [] };
  for (let round = 0; round < bench.counts.warmUps + bench.counts.execRoundTrips / 3; round++) {
    bench.signal.throwIfAborted();
    for (const [name, call] of Object.entries(calls) as [
      keyof typeof calls,
      typeof calls.shellMs,
    ][]) {
      const took = await timeOf(() => call(`word-${round}-`));
      if (round >= bench.counts.warmUps) samples[name].push(took);
    }
  }
  await pyro.deleteWorkspace(id);
  return samples;
}

/** `cat` on a terminal of this host. */
class Script implements Disposable {
  readonly #child: ChildProcess & { stdin: NodeJS.WritableStream; stdout: NodeJS.ReadableStream };

  constructor() {
    this.#child = spawn("script", ["--quiet", "--flush", "--command", "cat", "/dev/null"], {
      stdio: ["pipe", "pipe", "ignore"],
      env: toolEnvironment(),
    });
  }

  echo(word: string): Promise<void> {
    return new Promise((resolve) => {
      let seen = "";
      const look = (bytes: Buffer) => {
        seen += bytes.toString();
        if (!seen.includes(word)) return;
        this.#child.stdout.off("data", look);
        resolve();
      };
      this.#child.stdout.on("data", look);
      this.#child.stdin.write(`${word}\n`);
    });
  }

  [Symbol.dispose](): void {
    this.#child.stdin.end();
  }
}

const kinds = ["firstMs", "anotherMs", "againMs", "allAgainMs"] as const;

/** In a workspace a round, whose supervisor has read nothing yet. */
async function readTimes(
  { counts, signal }: Bench,
  pyro: Pyro,
): Promise<Record<(typeof kinds)[number], number[]>> {
  const samples = { firstMs: [], anotherMs: [], againMs: [], allAgainMs: [] } as Record<
    (typeof kinds)[number],
    number[]
  >;
  for (let round = 0; round < counts.treeRounds; round++) {
    const { workspaceId: id } = await pyro.createWorkspace({ environment, signal });
    for (const kind of ["firstMs", "anotherMs"] as const) {
      const { shellId } = await pyro.openShell(id, { command: ["sh", "-c", writesMuch] });
      const written = { waitFor: "over\r\n", maxChars: 1, timeoutSeconds: 120 };
      await pyro.readShell(id, shellId, written);
      let cursor = 0;
      const plain = async (from: number) => {
        ({ nextCursor: cursor } = await pyro.readShell(id, shellId, { plain: true, cursor: from }));
      };
      samples[kind].push(await timeOf(() => plain(0)));
      for (let again = 0; again < counts.mcpCalls / 10; again++) {
        samples.againMs.push(await timeOf(() => plain(cursor)));
        samples.allAgainMs.push(await timeOf(() => plain(0)));
      }
    }
    await pyro.deleteWorkspace(id);
  }
  return samples;
}
