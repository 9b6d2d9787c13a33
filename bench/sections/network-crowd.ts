import { setTimeout as sleep } from "node:timers/promises";
import type { Pyro } from "../../src/pyro.ts";
import type { Bench } from "../bench.ts";
import { atMost, type Figure } from "../figure.ts";
import { memoryOf } from "../workspaces.ts";

const connections = 256;
const betweenLooksMs = 250;
/** Within which a supervisor at rest has given back what it needs no more. */
const restMs = 20_000;

/** Opens as many connections as there may be, asks for a page on each, and begins anew once all are over. */
const client = `import asyncio, sys
host, port, connections, requests, page = sys.argv[1], *map(int, sys.argv[2:])
async def fetch():
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b'GET / HTTP/1.1\\r\\nHost: page\\r\\nConnection: close\\r\\n\\r\\n')
        answer = await reader.read()
        writer.close()
        return answer.endswith(b'x' * page)
    except OSError:
        return False
async def main():
    failed = 0
    for begun in range(0, requests, connections):
        count = min(connections, requests - begun)
        failed += (await asyncio.gather(*(fetch() for _ in range(count)))).count(False)
        await asyncio.sleep(0.1)
    print(failed)
asyncio.run(main())`;

export interface CrowdParts {
  readonly pyro: Pyro;
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly pageBytes: number;
}

/** Many connections at once through the way out, to a server that answers with a page. */
export async function crowdFigures(bench: Bench, parts: CrowdParts): Promise<Figure[]> {
  const { pyro, id, host, port, pageBytes } = parts;
  const requests = bench.counts.forwardedRequests;
  const memoryMib = () => memoryOf(bench, id).supervisorMib;
  const before = memoryMib();
  const began = performance.now();
  const numbers = [port, connections, requests, pageBytes].map(String);
  let isOver = false;
  const ran = pyro
    .execWorkspace(id, {
      command: ["python3", "-c", client, host, ...numbers],
      timeoutSeconds: 600,
    })
    .finally(() => {
      isOver = true;
    });
  let peak = before;
  while (!isOver) {
    peak = Math.max(peak, memoryMib());
    await sleep(betweenLooksMs);
  }
  const { exitCode, stdout, stderr } = await ran;
  if (exitCode !== 0) throw new Error(stderr);
  const seconds = (performance.now() - began) / 1000;
  await sleep(restMs, undefined, { signal: bench.signal });
  return [
    {
      name: `connections that failed, ${connections} at once through the way out`,
      value: Number(stdout),
      unit: "",
      note: `${requests} in ${seconds.toFixed(1)} s`,
      target: atMost(0),
    },
    {
      name: "  memory of the supervisor, grown by",
      value: peak - before,
      unit: "MiB",
      note: "most at any look",
      target: atMost(32),
    },
    {
      name: "  what stays of that",
      value: memoryMib() - before,
      unit: "MiB",
      note: `${restMs / 1000} s after the last`,
      target: atMost(8),
    },
  ];
}
