import type { EgressPolicy } from "../../model/egress.ts";
import { parseAddress } from "../../network/address.ts";
import { type Destination, decide } from "../../network/decide.ts";
import { preparedHere } from "../../network/policy.ts";
import type { ConnectionRow } from "../../registry/connections.ts";

/** Tells whether what was denied once would be denied again. */
export function deniedNow(egress: EgressPolicy): (tried: ConnectionRow) => boolean {
  const policy = preparedHere(egress);
  return (tried) => {
    const { verdict, rule } = decide(policy, destinationOf(tried));
    // A name that was denied unseen may only be let through to see its address; what denied it then still decides.
    return verdict === "deny" || rule === tried.rule;
  };
}

function destinationOf({ host, address, port }: ConnectionRow): Destination {
  const whole = parseAddress(host);
  if (whole !== undefined) return { host: null, address: whole, port };
  return { host, address: parseAddress(address ?? "") ?? null, port };
}
