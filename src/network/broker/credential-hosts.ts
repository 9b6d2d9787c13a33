import type { BrokeredCredential } from "../../model/brokered-credential.ts";

/** Where a host is named without a port. */
const tlsPort = 443;

/** Whether a credential is for connections to `host`, a name in lower case without a dot at its end, on `port`. */
export function isForHost(
  { hosts }: Pick<BrokeredCredential, "hosts">,
  host: string,
  port: number,
): boolean {
  return hosts.some((entry) => {
    const [name = "", portText] = entry.split(":");
    if (port !== (portText === undefined ? tlsPort : Number(portText))) return false;
    return name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name;
  });
}
