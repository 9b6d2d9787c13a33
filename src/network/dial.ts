import type { LookupAddress, LookupOptions } from "node:dns";
import { createConnection, type Socket } from "node:net";
import { type Address, addressText, isSame, parseAddress } from "./address.ts";

/** Longer than the kernel takes to try a few times. */
const dialMs = 30_000;

export type DialFailure = "refused" | "unreachable" | "timed_out" | "failed";

/** A connection that was not made, and why. */
export class DialError extends Error {
  readonly failure: DialFailure;
  /** As a log has it. */
  readonly told: string;

  constructor(failure: DialFailure, message: string, told = failure.replace("_", " ")) {
    super(message);
    this.failure = failure;
    this.told = told;
  }
}

/** A connection, and which of the addresses it is to. */
export interface Dialled {
  readonly socket: Socket;
  readonly address: Address;
}

/** Connects to one of `addresses`, which are all that may be dialled; the families take turns where the first is slow. */
export async function dial(addresses: readonly Address[], port: number): Promise<Dialled> {
  const socket = createConnection({
    host: "checked.invalid",
    port,
    lookup: (_host, options, answer) => give(addresses, options, answer),
    autoSelectFamily: true,
    noDelay: true,
    keepAlive: true,
    allowHalfOpen: true,
  });
  socket.setTimeout(dialMs, () => socket.destroy(new DialError("timed_out", "timed out")));
  try {
    await connected(socket);
  } catch (error) {
    throw asDialError(error);
  }
  socket.setTimeout(0);
  const address = parseAddress(socket.remoteAddress ?? "");
  if (address !== undefined && addresses.some((one) => isSame(one, address)))
    return { socket, address };
  socket.destroy();
  throw new DialError("failed", "another address was reached than was to be");
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve();
    });
    socket.once("error", reject);
  });
}

type Answer = (error: null, address: string | LookupAddress[], family?: number) => void;

/** Answers the addresses that were checked, and asks nobody. */
function give(addresses: readonly Address[], { all }: LookupOptions, answer: Answer): void {
  const known = addresses.map((address) => ({
    address: addressText(address),
    family: address.length === 4 ? 4 : 6,
  }));
  const [first = { address: "", family: 4 }] = known;
  if (all) answer(null, known);
  else answer(null, first.address, first.family);
}

const failures: Readonly<Record<string, DialFailure>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "refused",
  ENETUNREACH: "unreachable",
  EHOSTUNREACH: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  EAFNOSUPPORT: "unreachable",
  ENETDOWN: "unreachable",
  ETIMEDOUT: "timed_out",
};

export function asDialError(error: unknown): DialError {
  if (error instanceof DialError) return error;
  const causes = error instanceof AggregateError ? error.errors : [error];
  const codes = causes.map((cause) => (cause as NodeJS.ErrnoException).code ?? "");
  // What one address answered tells more than that another family leads nowhere.
  const told = codes.map((code) => failures[code] ?? "failed");
  const failure =
    told.find((one) => one === "refused") ?? told.find((one) => one === "timed_out") ?? told[0];
  return new DialError(failure ?? "failed", codes.filter(Boolean).join(", ") || "it failed");
}
