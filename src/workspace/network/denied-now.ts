import type { EgressPolicy } from "../../model/egress.ts";
import { parseAddress } from "../../network/address.ts";
import { type Destination, decide } from "../../network/decide.ts";
import { preparedHere } from "../../network/policy.ts";
import type { ConnectionRow } from "../../registry/connections.ts";

/** Tells whether what was denied once would be denied again. */
export function deniedNow(egress: EgressPolicy): (tried: ConnectionRow) => boolean {
  const policy = preparedHere(egress);
  return (tried) => {
    const destination = destinationOf(tried);
    const { verdict, rule } = decide(policy, destination);
    // A name that was denied unseen may only be let through to see its address; what denied it then still decides.
    if (verdict === "deny" || rule === tried.rule) return true;
    // So does what it was where there are proxies.
    return [{ isProxy: true }, { isLeftToProxy: destination.address === null }].some(
      (it) => decide(policy, { ...destination, ...it }).rule === tried.rule,
    );
  };
}

function destinationOf({ host, address, port }: ConnectionRow): Destination {
  const whole = parseAddress(host);
  if (whole !== undefined) return { host: null, address: whole, port };
  return { host, address: parseAddress(address ?? "") ?? null, port };
}
