import { type Duplex, duplexPair } from "node:stream";
import type { HostSide } from "../ports/forward-connection.ts";

/** Two ends of a connection within this process, which end and break as sockets do. */
export function standIn(): { readonly guest: HostSide; readonly broker: Duplex } {
  const [guest, broker] = duplexPair();
  guest.on("error", () => undefined).once("close", () => broker.destroy());
  broker
    .on("error", () => undefined)
    .once("close", () => {
      if (broker.writableFinished) closeBehind(guest);
      else guest.destroy();
    });
  return {
    guest: Object.assign(guest, {
      destroySoon: () => void guest.end(() => guest.destroy()),
      resetAndDestroy: () => void guest.destroy(),
    }),
    broker,
  };
}

/** What was sent before the end is still to be read, and more cannot be sent. */
function closeBehind(guest: Duplex): void {
  guest._write = (_chunk, _encoding, done) => {
    guest.destroy();
    done();
  };
  guest._final = (done) => done();
}
