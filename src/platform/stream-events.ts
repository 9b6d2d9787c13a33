import type { EventEmitter } from "node:events";
import type { Writable } from "node:stream";

/** Settles at the first of these events, and leaves no listener behind: races of `once` leave one a time. */
export function firstEvent(emitter: EventEmitter, names: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      for (const name of names) emitter.off(name, settle);
      resolve();
    };
    for (const name of names) emitter.once(name, settle);
  });
}

/** After a write that was too much: settles when `stream` takes more, or will never take anything again. */
export async function drained(stream: EventEmitter & Pick<Writable, "destroyed">): Promise<void> {
  if (!stream.destroyed) await firstEvent(stream, ["drain", "close", "error"]);
}
