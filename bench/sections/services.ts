import { once } from "node:events";
import { Agent, get } from "node:http";
import { connect } from "node:net";
import type { Pyro } from "../../src/pyro.ts";
import type { Bench } from "../bench.ts";
import { atLeast, atMost, type Figure, latency } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { median } from "../statistics.ts";
import { timeOf } from "../time.ts";
import { makeFleet, memoryOf } from "../workspaces.ts";

const environment = "debian:12";
const pageBytes = 1024;
const connections = 256;
const mib = 1 << 20;
const clockLooks = 5;

/** Answers requests on one port, and sends without end on the other. */
const server = `import socketserver, threading
class Page(socketserver.BaseRequestHandler):
    def handle(self):
        f = self.request.makefile('rwb')
        while True:
            head = 0
            while f.readline().strip(): head += 1
            if not head: break
            f.write(b'HTTP/1.1 200 OK\\r\\nContent-Length: ${pageBytes}\\r\\n\\r\\n' + b'x' * ${pageBytes}); f.flush()
class Flood(socketserver.BaseRequestHandler):
    def handle(self):
        block = b'x' * (1 << 20)
        try:
            while True: self.request.sendall(block)
        except OSError: pass
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = ${2 * connections}
threading.Thread(target=Server(('127.0.0.1', 8001), Flood).serve_forever).start()
Server(('127.0.0.1', 8000), Page).serve_forever()`;

/** A server in a workspace, reached through published ports. */
export const services: Section = {
  name: "services",
  title: "services and published ports of a workspace",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using fleet = await makeFleet(bench);
  const { pyro } = fleet;
  await pyro.pullEnvironment(environment);
  const { workspaceId: id } = await pyro.createWorkspace({
    environment,
    networkPolicy: "published-ports",
    signal: bench.signal,
  });
  const startMs = await startTimes(bench, pyro, id);
  const started = await pyro.startService(id, "server", {
    command: ["python3", "-c", server],
    readiness: { kind: "tcp", address: "localhost:8000" },
    publishedPorts: [8000, 8001],
  });
  const portOf = (guestPort: number) =>
    started.publishedPorts.find((port) => port.guestPort === guestPort)?.hostPort ?? 0;
  const memoryBefore = memoryOf(bench, id).supervisorMib;
  const pageMs = await pageTimes(bench, portOf(8000));
  const flooded: number[] = [];
  for (let round = 0; round < bench.counts.throughputRounds; round++)
    flooded.push(await throughput(portOf(8001), bench.counts.throughputMib * mib));
  const crowd = await crowdOf(portOf(8000), bench.counts.forwardedRequests);
  return {
    figures: [
      latency("service start → ready (TCP), beyond the program's own time", startMs, atMost(60)),
      latency("1 KB page through a published port, keep-alive", pageMs, atMost(12)),
      {
        name: "download through a published port",
        value: median(flooded),
        unit: "MB/s",
        note: `p50 of ${flooded.length}`,
        target: atLeast(60),
      },
      ...crowdFigures(crowd, memoryOf(bench, id).supervisorMib - memoryBefore),
    ],
    samples: { startMs, pageMs, flooded },
  };
}

/** How far the guest's clock is ahead, in ms: what all of a few looks at it allow. */
async function clockAheadMs(pyro: Pyro, id: string): Promise<number> {
  let [least, most] = [-Infinity, Infinity];
  for (let look = 0; look < clockLooks; look++) {
    const asked = Date.now();
    const { stdout } = await pyro.execWorkspace(id, { command: ["date", "+%s.%N"] });
    const guestMs = Number(stdout) * 1000;
    least = Math.max(least, guestMs - Date.now());
    most = Math.min(most, guestMs - asked);
  }
  return (least + most) / 2;
}

/** From the program's own word that it listens until the caller knows. */
async function startTimes(bench: Bench, pyro: Pyro, id: string): Promise<number[]> {
  const own = `import socket, time; s = socket.create_server(('127.0.0.1', 8002)); print(time.time(), flush=True); time.sleep(600)`;
  const samples: number[] = [];
  const aheadMs = await clockAheadMs(pyro, id);
  for (let round = 0; round < bench.counts.workspaceCreates / 2; round++) {
    bench.signal.throwIfAborted();
    await pyro.startService(id, "timed", {
      command: ["python3", "-c", own],
      readiness: { kind: "tcp", address: "localhost:8002" },
    });
    const readyAt = Date.now();
    const { stdout } = await pyro.logsService(id, "timed");
    samples.push(Math.max(0, readyAt - (Number(stdout) * 1000 - aheadMs)));
    await pyro.stopService(id, "timed");
  }
  return samples;
}

async function pageTimes(bench: Bench, port: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const samples: number[] = [];
  for (let round = 0; round < bench.counts.warmUps + bench.counts.execRoundTrips; round++) {
    const took = await timeOf(() => page(port, agent));
    if (round >= bench.counts.warmUps) samples.push(took);
  }
  agent.destroy();
  return samples;
}

async function page(port: number, agent: Agent): Promise<void> {
  const [answer] = await once(get({ host: "127.0.0.1", port, agent }), "response");
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) bytes += chunk.length;
  if (bytes !== pageBytes) throw new Error(`a page of ${bytes} bytes`);
}

/** MB/s of so many bytes of one connection. */
async function throughput(port: number, wanted: number): Promise<number> {
  const socket = connect(port, "127.0.0.1");
  const began = performance.now();
  let bytes = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes >= wanted) break;
  }
  return bytes / 1000 / (performance.now() - began);
}

interface Crowd {
  readonly requests: number;
  readonly failed: number;
  readonly seconds: number;
}

/** Many clients at once, each with a connection of its own. */
async function crowdOf(port: number, requests: number): Promise<Crowd> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const began = performance.now();
  let [left, failed] = [requests, 0];
  const client = async () => {
    while (left-- > 0)
      await page(port, agent).catch(() => {
        failed++;
      });
  };
  await Promise.all(Array.from({ length: connections }, client));
  agent.destroy();
  return { requests, failed, seconds: (performance.now() - began) / 1000 };
}

function crowdFigures({ requests, failed, seconds }: Crowd, grownMib: number): Figure[] {
  const note = `${requests} requests in ${seconds.toFixed(1)} s`;
  return [
    {
      name: `requests that failed, ${connections} connections at once`,
      value: failed,
      unit: "",
      note,
      target: atMost(0),
    },
    {
      name: "  memory of the supervisor, grown by",
      value: grownMib,
      unit: "MiB",
      note: "once they are over",
      target: atMost(32),
    },
  ];
}
