import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import ipaddr from "ipaddr.js";

/** What a name means: addresses, or another name. */
export type Meaning = readonly string[] | { readonly alias: string };

const types = { A: 1, CNAME: 5, AAAA: 28 } as const;
const noSuchName = 3;

/** Answers questions about names by what the test says of them at that moment. */
export class NameServer {
  /** Asked anew for every question; a name that is not there does not exist. */
  readonly meanings = new Map<string, () => Meaning>();
  /** Every question that came. */
  readonly asked: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (question, from) => {
      socket.send(this.#answer(question), from.port, from.address);
    });
  }

  static async open(address: string): Promise<NameServer> {
    const socket = createSocket("udp4");
    socket.bind(53, address);
    await once(socket, "listening");
    return new NameServer(socket);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #answer(question: Buffer): Buffer {
    const { name, end } = readName(question, 12);
    const type = question.readUInt16BE(end);
    this.asked.push(name);
    const meaning = this.meanings.get(name)?.();
    const records = meaning === undefined ? [] : this.#records(name, type, meaning);
    const header = Buffer.alloc(12);
    question.copy(header, 0, 0, 2);
    // A response, with recursion desired and available.
    header.writeUInt16BE(0x8180 | (meaning === undefined ? noSuchName : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, question.subarray(12, end + 4), ...records]);
  }

  #records(name: string, type: number, meaning: Meaning): Buffer[] {
    if ("alias" in meaning) {
      const next = this.meanings.get(meaning.alias)?.() ?? [];
      const alias = record(name, types.CNAME, writeName(meaning.alias));
      return [alias, ...this.#records(meaning.alias, type, next)];
    }
    return meaning
      .map((text) => ipaddr.parse(text).toByteArray())
      .filter((bytes) => type === (bytes.length === 4 ? types.A : types.AAAA))
      .map((bytes) => record(name, type, Buffer.from(bytes)));
  }
}

/** With a time to live of 0. */
function record(name: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([writeName(name), fixed, data]);
}

function writeName(name: string): Buffer {
  const labels = name.split(".").map((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  return Buffer.concat([...labels.flat(), Buffer.from([0])]);
}

function readName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 };
}
