import { type Address, type AddressBlock, isIn, isSame, parseBlock } from "./address.ts";

/** What an address is to whoever decides about it. Groups of rules bear the same names. */
export const addressClasses = [
  "public",
  "private",
  "loopback",
  "link-local",
  "metadata",
  "host",
  "multicast",
  "reserved",
] as const;

export type AddressClass = (typeof addressClasses)[number];

function blocks(...texts: string[]): AddressBlock[] {
  return texts.map((text) => {
    const block = parseBlock(text);
    if (block === undefined) throw new Error(`${text} is no block of addresses`);
    return block;
  });
}

/** The first that holds an address tells its class: IANA's special-purpose registries, and what clouds answer their machines on. */
const table: readonly (readonly [AddressClass, readonly AddressBlock[]])[] = [
  [
    "metadata",
    blocks(
      "169.254.169.254/32",
      "169.254.170.0/24",
      "100.100.100.200/32",
      "168.63.129.16/32",
      "192.0.0.192/32",
      "fd00:ec2::/32",
      "fd20:ce::/32",
    ),
  ],
  ["loopback", blocks("0.0.0.0/8", "127.0.0.0/8", "::/127")],
  ["link-local", blocks("169.254.0.0/16", "fe80::/10")],
  [
    "private",
    blocks(
      "10.0.0.0/8",
      "172.16.0.0/12",
      "192.168.0.0/16",
      "100.64.0.0/10",
      "64:ff9b:1::/48",
      "fc00::/7",
      "fec0::/10",
    ),
  ],
  ["multicast", blocks("224.0.0.0/4", "ff00::/8")],
  [
    "reserved",
    blocks(
      "192.0.0.0/24",
      "192.0.2.0/24",
      "192.88.99.0/24",
      "198.18.0.0/15",
      "198.51.100.0/24",
      "203.0.113.0/24",
      "240.0.0.0/4",
      "2001::/23",
      "2001:db8::/32",
      "3fff::/20",
    ),
  ],
  ["public", blocks("0.0.0.0/0", "2000::/3")],
];

/** Where in an IPv6 address of these blocks an IPv4 address is, which is where its packets end up. */
const embeddings: readonly (readonly [AddressBlock, number])[] = [
  ["::/96", 12],
  ["64:ff9b::/96", 12],
  ["2002::/16", 2],
].map(([text, at]) => [blocks(String(text))[0] as AddressBlock, Number(at)]);

/** An interface identifier of ISATAP, which ends with the IPv4 address it leads to. */
const isatap = [0x00, 0x00, 0x5e, 0xfe];

/** What `address` is; `hostAddresses` are those of this machine. */
export function classify(address: Address, hostAddresses: readonly Address[] = []): AddressClass {
  const inner = embedded(address);
  const own = tableClass(address);
  // The more dangerous of the two: 6to4 and its like are public to the table, and may lead anywhere.
  if (inner !== undefined && (own === "public" || own === "reserved"))
    return classify(inner, hostAddresses);
  // These two are more than addresses of this machine, whoever has them.
  if (own === "loopback" || own === "metadata") return own;
  return hostAddresses.some((one) => isSame(one, address)) ? "host" : own;
}

/** The same for each length of address, which no block of the other holds. */
const tables = new Map(
  [4, 16].map((length) => [
    length,
    table.flatMap(([name, members]) =>
      members.filter(({ bytes }) => bytes.length === length).map((block) => ({ name, block })),
    ),
  ]),
);

function tableClass(address: Address): AddressClass {
  const found = tables.get(address.length)?.find(({ block }) => isIn(address, block));
  return found?.name ?? "reserved";
}

function embedded(address: Address): Address | undefined {
  if (address.length !== 16) return undefined;
  for (const [block, at] of embeddings) if (isIn(address, block)) return address.slice(at, at + 4);
  const isIsatap = isatap.every((byte, index) => {
    const found = address[8 + index] ?? 0;
    // The second lowest bit of the first byte says that the IPv4 address is unique.
    return (index === 0 ? found & ~0x02 : found) === byte;
  });
  return isIsatap ? address.slice(12) : undefined;
}
