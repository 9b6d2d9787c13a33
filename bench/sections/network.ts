import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { Readable } from "node:stream";
import { parseAddress } from "../../src/network/address.ts";
import { decide, preparePolicy } from "../../src/network/decide.ts";
import { parseRule } from "../../src/network/rule.ts";
import type { Pyro } from "../../src/pyro.ts";
import type { Bench } from "../bench.ts";
import { atLeast, atMost, latency } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { median } from "../statistics.ts";
import { makeFleet } from "../workspaces.ts";
import { measureBrokered } from "./brokered.ts";
import { crowdFigures } from "./network-crowd.ts";

const environment = "debian:12";
const page = Buffer.alloc(1024, "x");
const mib = 1 << 20;
const decisions = 200_000;

/** Connections that a guest makes to servers of this machine, which it is allowed to reach. */
export const network: Section = {
  name: "network",
  title: "the way out of a workspace",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using fleet = await makeFleet(bench);
  const { pyro } = fleet;
  await pyro.pullEnvironment(environment);
  const bulk = Buffer.alloc(bench.counts.throughputMib * mib);
  const server = createServer(({ url }, response) => response.end(url === "/bulk" ? bulk : page));
  server.listen(0, "0.0.0.0");
  try {
    await once(server, "listening");
    return await measureWith(bench, pyro, server);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function measureWith(bench: Bench, pyro: Pyro, server: Server): Promise<Measured> {
  const [host, { port }] = [ownAddress(), server.address() as AddressInfo];
  const target = `${host}:${port}`;
  const { workspaceId: id } = await pyro.createWorkspace({
    environment,
    networkPolicy: "egress",
    allowHosts: [target],
    signal: bench.signal,
  });
  const inside = `import http.server, socketserver
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.send_header('content-length', '${page.length}'); self.end_headers(); self.wfile.write(b'x' * ${page.length})
    def log_message(self, *a): pass
http.server.HTTPServer(('127.0.0.1', 8000), H).serve_forever()`;
  await pyro.startService(id, "inside", {
    command: ["python3", "-c", inside],
    readiness: { kind: "tcp", address: "8000" },
  });
  // Of a supervisor that has carried nothing yet.
  const crowd = await crowdFigures(bench, { pyro, id, host, port, pageBytes: page.length });
  const run = async (line: string) => {
    const ran = await pyro.execWorkspace(id, { command: ["sh", "-c", line], timeoutSeconds: 300 });
    if (ran.exitCode !== 0) throw new Error(ran.stderr);
    return ran.stdout;
  };
  const times = async (url: string) => {
    const rounds = bench.counts.warmUps + Math.ceil(bench.counts.execRoundTrips / 3);
    const loop = `for i in $(seq ${rounds}); do curl -sS -o /dev/null -w '%{time_total}\\n' ${url}; done`;
    const seconds = (await run(loop)).trim().split("\n").slice(bench.counts.warmUps);
    return seconds.map((text) => Number(text) * 1000);
  };
  const loopbackMs = await times("http://127.0.0.1:8000/");
  const outsideMs = await times(`http://${target}/`);
  const download: number[] = [];
  const raw: number[] = [];
  for (let round = 0; round < bench.counts.throughputRounds; round++) {
    bench.signal.throwIfAborted();
    const speed = await run(`curl -sS -o /dev/null -w '%{speed_download}' http://${target}/bulk`);
    download.push(Number(speed) / 1e6);
    raw.push(await rawThroughput(pyro, id, bench.counts.throughputMib * mib));
  }
  const brokered = await measureBrokered(bench, page);
  return {
    figures: [
      latency("1 KB page from outside, a new connection each", outsideMs),
      latency("  the same on the guest's loopback", loopbackMs),
      {
        name: "  what the way out takes longer",
        value: median(outsideMs) - median(loopbackMs),
        unit: "ms",
        note: "difference of p50",
        target: atMost(15),
      },
      {
        name: "download through the way out",
        value: median(download),
        unit: "MB/s",
        note: `p50 of ${download.length}`,
        target: atLeast(45),
      },
      {
        name: "  against a command's standard input, in turns",
        value: median(download) / median(raw),
        unit: "×",
        note: `p50 / p50; input ${median(raw).toFixed(1)} MB/s`,
        target: atLeast(0.7),
      },
      ...crowd,
      {
        name: "decisions, 200 rules",
        value: decisionRate() / 1e6,
        unit: "",
        note: "millions a second",
        target: atLeast(1),
      },
      ...brokered.figures,
    ],
    samples: { outsideMs, loopbackMs, download, raw, ...brokered.samples },
  };
}

/** What the channel takes of a command's standard input, in MB/s. */
async function rawThroughput(pyro: Pyro, id: string, bytes: number): Promise<number> {
  const chunk = Buffer.alloc(mib);
  const stdin = Readable.from(Array.from({ length: bytes / mib }, () => chunk));
  const started = performance.now();
  await pyro.execWorkspace(id, {
    command: ["sh", "-c", "cat > /dev/null"],
    stdin,
    onStdout: () => undefined,
    timeoutSeconds: 300,
  });
  return bytes / 1000 / (performance.now() - started);
}

function decisionRate(): number {
  const rules = Array.from({ length: 200 }, (_, index) =>
    parseRule(index % 4 === 0 ? `deny 10.${index}.0.0/16` : `allow h${index}.example.com:443`),
  );
  const policy = preparePolicy("open", rules, { hostAddresses: [], ownRegistries: [] });
  const address = parseAddress("93.184.215.14") ?? [];
  const hosts = ["h1.example.com", "other.example", "h199.example.com", "www.h3.example.com"];
  const once = (count: number) => {
    for (let index = 0; index < count; index++)
      decide(policy, { host: hosts[index % hosts.length] ?? null, address, port: 443 });
  };
  once(decisions);
  const started = performance.now();
  once(decisions);
  return (decisions / (performance.now() - started)) * 1000;
}

function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list = []) => list);
  const found = all.find(({ internal, family }) => !internal && family === "IPv4");
  if (found === undefined) throw new Error("this machine has no network card");
  return found.address;
}
