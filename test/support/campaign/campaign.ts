import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { asPyroError } from "../../../src/model/errors.ts";
import type { WorkspaceExecResult } from "../../../src/model/workspace-results.ts";
import { endProcess, findSupervisors } from "../host-processes.ts";
import { type Answer, TestWorkspaces } from "../workspaces.ts";
import { Kept } from "./kept.ts";
import { type Ground, operations } from "./operations.ts";

/** Longer than any call takes that is not stuck, on a busy host too. */
const stuckMs = 90_000;
const stateBytes = "512m";

/** What a user is told who comes while something is still ending, and who then tries again. */
const passing: readonly string[] = [
  "guest_lost",
  "workspace_busy",
  "workspace_state_conflict",
  "workspace_lost",
];
const triesMax = 60;
const triesMs = 500;

type Victim = "caller" | "supervisor" | "monitor" | "disk";

export interface Verdict {
  readonly kills: number;
  readonly cuts: number;
  /** Calls that were over before their victim was hit. */
  readonly missed: number;
  readonly lost: readonly string[];
  readonly untrue: readonly string[];
  readonly stuck: readonly string[];
  /** How often calls ended with each code. */
  readonly codes: Readonly<Record<string, number>>;
}

export interface CampaignOptions {
  readonly kills: number;
  readonly cuts: number;
  readonly onRound?: ((round: number, text: string) => void) | undefined;
}

/** Kills pyro, and fills the disk of its state, at any moment of its calls; says what that cost. In a mount namespace of its own. */
export async function runCampaign({ kills, cuts, onRound }: CampaignOptions): Promise<Verdict> {
  await using place = await TestWorkspaces.open();
  const { stateDirectory } = place.home;
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  execFileSync("mount", [
    ...["-t", "tmpfs", "-o", `mode=700,size=${stateBytes}`],
    ...["none", stateDirectory],
  ]);
  try {
    return await roundsIn(place, { kills, cuts, onRound });
  } finally {
    place.pyro[Symbol.dispose]();
    // What is still open keeps it until then.
    execFileSync("umount", ["--lazy", stateDirectory]);
  }
}

async function roundsIn(
  place: TestWorkspaces,
  { kills, cuts, onRound }: CampaignOptions,
): Promise<Verdict> {
  const { workspaceId: id } = await place.create({ name: "kept" });
  const campaign = new Campaign({ place, id, kept: new Kept(place, id) });
  const names = Object.keys(operations);
  for (let round = 0; round < kills + cuts; round++) {
    // Cuts spread evenly.
    const isCut = Math.floor(((round + 1) * cuts) / (kills + cuts)) > campaign.cuts;
    const victims = ["caller", "supervisor", "monitor"] as const;
    const victim = isCut ? "disk" : (victims[round % victims.length] ?? "caller");
    const name = names[Math.floor(Math.random() * names.length)] ?? "";
    onRound?.(round, `${name}, ${victim}`);
    await campaign.round(name, victim);
  }
  await place.pyro.deleteWorkspace(id);
  await place.assertAgree();
  return campaign.verdict();
}

class Campaign {
  cuts = 0;
  readonly #ground: Ground;
  #kills = 0;
  #missed = 0;
  readonly #lost: string[] = [];
  readonly #untrue: string[] = [];
  readonly #stuck: string[] = [];
  readonly #codes: Record<string, number> = {};
  /** How long each operation takes, by the latest that was not cut off. */
  readonly #tookMs: Record<string, number> = {};

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  verdict(): Verdict {
    return {
      kills: this.#kills,
      cuts: this.cuts,
      missed: this.#missed,
      lost: this.#lost,
      untrue: this.#untrue,
      stuck: this.#stuck,
      codes: this.#codes,
    };
  }

  async round(name: string, victim: Victim): Promise<void> {
    const operation = operations[name];
    if (operation === undefined) throw new TypeError(`no operation ${name}`);
    const token = `t${this.#kills + this.cuts}x${Math.floor(Math.random() * 1e6)}`;
    const what = `${name}, ${victim}, ${token}`;
    const answer = await this.#cutOff(name, victim, token);
    const code = answer.error?.code ?? (answer.result ? "done" : "killed");
    this.#codes[code] = (this.#codes[code] ?? 0) + 1;
    // Nobody is told what to do next.
    if (code === "internal") this.#untrue.push(`${what}: ${answer.error?.message}`);
    try {
      await inTime(this.#recover());
      const wrong = await inTime(operation.judge(this.#ground, { token, answer }));
      if (wrong !== undefined) this.#untrue.push(`${what}: ${wrong}`);
      const lost = await inTime(this.#ground.kept.lost(undefined));
      if (lost !== undefined) this.#lost.push(`${what}: ${lost}`);
    } catch (error) {
      this.#stuck.push(`${what}: ${error}`);
    }
  }

  /** One call of another process, whose victim is hit somewhere on its way. */
  async #cutOff(
    name: string,
    victim: Victim,
    token: string,
  ): Promise<Answer<Record<string, unknown>>> {
    const { place, id } = this.#ground;
    const { method, given } = operations[name] as (typeof operations)[string];
    // Found before, because a killed pyro is not asked; none after a stop that was cut off went on in the guest.
    const monitor = Number(place.row(id)?.pid ?? 0);
    const begun = performance.now();
    const call = place.start(method, given(this.#ground, token));
    let isOver = false;
    const ended = call.ended.finally(() => {
      isOver = true;
    });
    await Promise.race([ended, sleep(Math.random() * (this.#tookMs[name] ?? 600))]);
    if (isOver) this.#missed++;
    if (victim === "disk") this.cuts++;
    else this.#kills++;
    const release = this.#hit(victim, { monitor, kill: () => call.signal("SIGKILL") });
    const { stdout, signal } = await inTime(ended);
    release();
    if (signal !== null || stdout === "") return { signal };
    if (victim === "caller") this.#tookMs[name] = performance.now() - begun;
    return { ...(JSON.parse(stdout) as Answer<Record<string, unknown>>), signal };
  }

  #hit(
    victim: Victim,
    { monitor, kill }: { readonly monitor: number; readonly kill: () => void },
  ): () => void {
    const { place, id } = this.#ground;
    const { stateDirectory } = place.home;
    switch (victim) {
      case "caller":
        kill();
        return () => undefined;
      case "supervisor":
        for (const pid of findSupervisors(id)) endProcess(pid);
        return () => undefined;
      case "monitor":
        if (monitor > 0) endProcess(monitor);
        return () => undefined;
      case "disk": {
        const filler = join(stateDirectory, "filler");
        fill(stateDirectory, filler, 4096 * Math.floor(Math.random() ** 3 * 64));
        return () => rmSync(filler, { force: true });
      }
    }
  }

  /** Whatever it takes a user to go on: looking, and starting again. */
  async #recover(): Promise<void> {
    const { place, id } = this.#ground;
    // A look may come while a stop goes on, or a moment before anybody has noticed that the machine is gone.
    let probe: WorkspaceExecResult | undefined;
    for (let tries = 1; probe === undefined; tries++) {
      probe = await this.#probe().catch(async (error: unknown) => {
        const { code } = asPyroError(error);
        if (!passing.includes(code) || tries === triesMax) throw error;
        await sleep(triesMs);
        return undefined;
      });
    }
    if (probe.exitCode === 0) return;
    await place.pyro.stopWorkspace(id);
    await place.pyro.startWorkspace(id);
  }

  /** A guest whose disk failed it may have stopped writing to it, until it is started again. */
  async #probe(): Promise<WorkspaceExecResult> {
    const { place, id } = this.#ground;
    const { state } = await place.pyro.statusWorkspace(id);
    if (state !== "started") await place.pyro.startWorkspace(id);
    return await place.pyro.execWorkspace(id, {
      command: ["sh", "-c", "echo > probe && sync probe"],
    });
  }
}

/** Takes all room but `leftBytes`. */
function fill(directory: string, filler: string, leftBytes: number): void {
  const file = openSync(filler, "w");
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(directory);
      const wanted = Math.min(bavail * bsize - leftBytes, zeros.length);
      if (wanted <= 0) return;
      writeSync(file, zeros, 0, wanted);
    }
  } catch {
    // Somebody took the last of it meanwhile: it is full.
  } finally {
    closeSync(file);
  }
}

const zeros = Buffer.alloc(16 << 20);

async function inTime<T>(work: Promise<T>): Promise<T> {
  const stuck = sleep(stuckMs, undefined, { ref: false }).then(() => {
    throw new TypeError(`nothing happened for ${stuckMs / 1000} s`);
  });
  return await Promise.race([work, stuck]);
}
