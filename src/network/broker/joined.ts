import type { TLSSocket } from "node:tls";
import type { BrokeredRequests } from "./brokered-requests.ts";
import type { Refusal } from "./refusal.ts";

/** More than hosts that are in use send. */
export const headerBytesMax = 64 * 1024;

/** Nobody keeps a connection alive by silence: neither side has sent a byte for so long. */
export const idleMs = 3_600_000;

/** The two sides of a connection, which speak one version of HTTP. */
export interface Joined {
  readonly guest: TLSSocket;
  /** The host's, or what everything is answered with instead. */
  readonly host: TLSSocket | Refusal;
  readonly requests: BrokeredRequests;
}
