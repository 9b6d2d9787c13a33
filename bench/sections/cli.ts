import { type Bench, pyro } from "../bench.ts";
import { atMost, latency } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { type Program, runTimed } from "../timed-process.ts";

/** The least any command of pyro takes. */
export const cli: Section = {
  name: "cli",
  title: "start-up of the command line, beside an empty Node program",
  measure,
};

async function measure({ config, counts, signal }: Bench): Promise<Measured> {
  const version = pyro(config, "--version");
  const empty: Program = { command: process.execPath, args: ["--eval", ""], env: version.env };
  const versionMs: number[] = [];
  const emptyMs: number[] = [];
  for (let round = 0; round < counts.warmUps + counts.cliStarts; round++) {
    const [own, floor] = [await runTimed(version, signal), await runTimed(empty, signal)];
    if (!/^\d+\.\d+\.\d+/.test(own.stdout)) throw new Error(`pyro said: ${own.stdout}`);
    if (round < counts.warmUps) continue;
    versionMs.push(own.wallMs);
    emptyMs.push(floor.wallMs);
  }
  return {
    figures: [
      latency("pyro --version", versionMs, atMost(90)),
      latency("  node --eval '', alternating", emptyMs),
    ],
    samples: { versionMs, emptyMs },
  };
}
