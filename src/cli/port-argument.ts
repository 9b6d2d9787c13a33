import { InvalidArgumentError } from "commander";
import type { PortToPublish } from "../index.ts";

/** `GUEST` or `HOST:GUEST`; host port 0 is any that is free. */
export function portArgument(text: string): PortToPublish {
  const [, host, guest] = /^(?:(\d{1,5}):)?(\d{1,5})$/.exec(text) ?? [];
  if (guest === undefined)
    throw new InvalidArgumentError(
      `"${text}" is not GUEST or HOST:GUEST, such as 8000 or 8080:8000.`,
    );
  return host === undefined
    ? { guestPort: Number(guest) }
    : { guestPort: Number(guest), hostPort: Number(host) };
}

/** For options that may be given several times. */
export function collectPort(
  text: string,
  earlier: readonly PortToPublish[] = [],
): readonly PortToPublish[] {
  return [...earlier, portArgument(text)];
}
