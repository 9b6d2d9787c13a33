import { BlockList, isIP } from "node:net";

// Not public by the special-purpose address registries, or a cloud's way to its own services.
const refusedIpv4: ReadonlyArray<readonly [network: string, prefix: number]> = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

// Everything outside is loopback, link-local, private, multicast, mapped IPv4, NAT64 or unassigned.
const globalIpv6: readonly [network: string, prefix: number] = ["2000::", 3];
// Inside it, tunnels that carry an IPv4 address of the sender's choice, and documentation.
const refusedIpv6: ReadonlyArray<readonly [network: string, prefix: number]> = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const refused4 = new BlockList();
const refused6 = new BlockList();
const global6 = new BlockList();
for (const [network, prefix] of refusedIpv4) refused4.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of refusedIpv6) refused6.addSubnet(network, prefix, "ipv6");
global6.addSubnet(...globalIpv6, "ipv6");

/** Whether `address` is an IP address on the public internet. */
export function isPublicAddress(address: string): boolean {
  // A zone (`fe80::1%eth0`) only ever names a local interface.
  switch (address.includes("%") ? 0 : isIP(address)) {
    case 4:
      return !refused4.check(address, "ipv4");
    case 6:
      return global6.check(address, "ipv6") && !refused6.check(address, "ipv6");
    default:
      return false;
  }
}
