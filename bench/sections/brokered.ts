import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, createServer, get } from "node:https";
import { type AddressInfo, connect, createServer as createFront, type Server } from "node:net";
import { pipeline } from "node:stream";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { issueCa, issueForHost } from "../../src/network/broker/certificates.ts";
import { CredentialBroker } from "../../src/network/broker/credential-broker.ts";
import { standIn } from "../../src/workspace/supervisor/egress/stand-in.ts";
import type { Bench } from "../bench.ts";
import { type Figure, latency } from "../figure.ts";
import { median, type Samples } from "../statistics.ts";

const host = "api.example";
const placeholder = "pyro_00000000000000000000000000000000";
const value = "value_1111111111111111111111111111111";
const mib = 1 << 20;

interface Brokered {
  readonly figures: readonly Figure[];
  readonly samples: Readonly<Record<string, Samples>>;
}

/** What putting a credential into requests costs beside TLS with the host itself. Client, broker and host share this process. */
export async function measureBrokered(bench: Bench, page: Buffer): Promise<Brokered> {
  const bulk = Buffer.alloc(bench.counts.throughputMib * mib, "x");
  const outside = issueCa();
  setDefaultCACertificates([...getCACertificates("default"), outside.certificatePem]);
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const identity = {
    cert: issueForHost(outside, host, publicKey).certificatePem,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
  const server = createServer(identity, ({ url }, response) =>
    response.end(url === "/bulk" ? bulk : page),
  );
  const inside = issueCa();
  const broker = await CredentialBroker.open({
    credentials: () => [{ name: "TOKEN", hosts: [host], placeholder, value: async () => value }],
    ca: async () => inside,
    told: () => undefined,
  });
  const dial = async () => connect(await portOf(server), "127.0.0.1");
  const front = createFront({ noDelay: true }, async (guest) => {
    const ends = standIn();
    pipeline(guest, ends.guest, guest, () => guest.destroy());
    await broker.serve(ends.broker, { host, port: 443, socket: await dial(), dial });
  });
  try {
    const times: Record<string, number[]> = {};
    const speeds: Record<string, number[]> = {};
    for (const [name, listener, ca] of [
      ["direct", server, outside.certificatePem],
      ["brokered", front, inside.certificatePem],
    ] as const) {
      const port = await portOf(listener);
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, servername: host });
      const ask = async (path: string) => {
        const began = performance.now();
        const headers = { host, authorization: `Bearer ${placeholder}` };
        const [answer] = (await once(
          get({ agent, host: "127.0.0.1", port, path, headers }),
          "response",
        )) as [IncomingMessage];
        answer.resume();
        await once(answer, "end");
        return performance.now() - began;
      };
      for (let round = 0; round < 20; round++) await ask("/");
      times[name] = await inTurn(bench.counts.execRoundTrips, () => ask("/"));
      speeds[name] = await inTurn(
        bench.counts.throughputRounds,
        async () => bulk.length / 1000 / (await ask("/bulk")),
      );
      agent.destroy();
    }
    const { direct = [], brokered = [] } = times;
    return {
      figures: [
        latency("1 KB over TLS with a credential, a connection that is there", brokered),
        latency("  the same with the host itself", direct),
        speedOf("download with a credential", speeds.brokered),
        speedOf("  the same from the host itself", speeds.direct),
      ],
      samples: { brokeredMs: brokered, directMs: direct },
    };
  } finally {
    server.closeAllConnections();
    server.close();
    front.close();
  }
}

function speedOf(name: string, speeds: readonly number[] = []): Figure {
  return { name, value: median(speeds), unit: "MB/s", note: `p50 of ${speeds.length}` };
}

async function portOf(server: Server): Promise<number> {
  if (!server.listening) await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

async function inTurn(count: number, measure: () => Promise<number>): Promise<number[]> {
  const measured: number[] = [];
  for (let round = 0; round < count; round++) measured.push(await measure());
  return measured;
}
