import { setTimeout as sleep } from "node:timers/promises";
import { findSupervisors } from "./host-processes.ts";
import { Outside, outsidePorts } from "./outside.ts";
import { remotePyro } from "./remote-pyro.ts";
import { until } from "./until.ts";
import { killProcess, TestWorkspaces } from "./workspaces.ts";

/** What a guest's programs could use to get out another way, if there were one, before the next supervisor is there. */
const aloneMs = 400;
/** How long what came before the kill may take to be told of. */
const settleMs = 100;
const settleTriesMax = 50;
/** Connections that carry as much as they can, beside those that come and go. */
const streams = 6;

export interface EgressVerdict {
  readonly kills: number;
  /** From the kill to the end of the last connection. */
  readonly stoppedMs: { readonly median: number; readonly slowest: number };
  /** Connections that came while nobody let anybody out. */
  readonly escaped: number;
  /** Connections in all. */
  readonly total: number;
}

/** Everything a program can do to be out: streams without an end, and new connections as fast as they come. */
function load(address: string): string {
  return `import socket, threading, time
def stream():
    while True:
        try:
            with socket.create_connection(("${address}", ${outsidePorts.web}), 5) as s:
                s.sendall(b"GET /endless HTTP/1.0\\r\\n\\r\\n")
                while s.recv(65536): pass
        except OSError: time.sleep(0.01)
def come():
    while True:
        try:
            with socket.create_connection(("${address}", ${outsidePorts.hold}), 5) as s: s.recv(1)
        except OSError: pass
        time.sleep(0.01)
for work in [stream] * ${streams} + [come] * 2: threading.Thread(target=work).start()
`;
}

/** Connections that come while there is no supervisor. One more may have been about to start, which lets the guest out as the one before. */
async function countAlone(outside: Outside, id: string): Promise<number> {
  for (let tries = 0; tries < settleTriesMax; tries++) {
    for (const pid of findSupervisors(id)) await killProcess(pid);
    await until("nothing is open any more", () => outside.open === 0);
    // What had come before is told of a moment later.
    const { total } = outside;
    await sleep(settleMs);
    if (outside.total !== total) continue;
    await sleep(aloneMs);
    if (findSupervisors(id).length === 0) return outside.total - total;
  }
  throw new TypeError("connections come on and on");
}

/** Kills what lets a guest out, under load; says how soon all of it was over, and whether anything got out after that. As root. */
export async function runEgressCampaign(
  kills: number,
  onRound: (text: string) => void = () => undefined,
): Promise<EgressVerdict> {
  await using outside = await Outside.open();
  await using ws = await TestWorkspaces.open(({ env }) => remotePyro(env, outside.mounts));
  await ws.home.pull("debian:12");
  const { workspaceId: id } = await ws.create({
    environment: "debian:12",
    networkPolicy: "egress",
  });
  const command = ["python3", "-c", load(outside.publicAddress)];
  await ws.pyro.startService(id, "load", { command, readiness: { kind: "none" } });
  const times: number[] = [];
  let escaped = 0;
  for (let round = 0; round < kills; round++) {
    await until("the load is out", () => outside.open >= streams);
    await sleep(Math.random() * 300);
    const pid = await ws.supervisor(id);
    const beginMs = performance.now();
    process.kill(pid, "SIGKILL");
    await until("nothing is open any more", () => outside.open === 0);
    times.push(performance.now() - beginMs);
    const came = await countAlone(outside, id);
    escaped += came;
    onRound(`${round}: over after ${Math.round(times.at(-1) ?? 0)} ms, ${came} escaped`);
    // Starts another supervisor.
    await ws.pyro.execWorkspace(id, { command: ["true"] });
  }
  const { total } = outside;
  await ws.assertNothingLeft();
  times.sort((one, other) => one - other);
  const at = (share: number) => Math.round(times[Math.floor((times.length - 1) * share)] ?? 0);
  return { kills, stoppedMs: { median: at(0.5), slowest: at(1) }, escaped, total };
}
