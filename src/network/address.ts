import ipaddr from "ipaddr.js";

/** An IP address as its 4 or 16 bytes. One that only wraps an IPv4 address (`::ffff:a.b.c.d`) is that. */
export type Address = readonly number[];

/** A block of addresses: those that share the first `bits` of `bytes`. */
export interface AddressBlock {
  readonly bytes: Address;
  readonly bits: number;
}

/** The address that `text` writes in the usual notation; undefined where it is none. */
export function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toByteArray();
  // A zone (`fe80::1%eth0`) names a card of some machine, which means nothing to another.
  if (!text.includes(":") || text.includes("%") || !ipaddr.IPv6.isValid(text)) return undefined;
  return ipaddr.process(text).toByteArray();
}

/** One of this machine's, of which its resolver and its cards also tell the zone. */
export function parseOwnAddress(text: string): Address | undefined {
  return parseAddress(text.replace(/%.*$/, ""));
}

/** The block that `text` writes as ADDRESS/BITS; undefined where it is none. */
export function parseBlock(text: string): AddressBlock | undefined {
  const [, prefix = "", bitsText = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const written = parseAddress(prefix);
  if (written === undefined) return undefined;
  // `::ffff:10.0.0.0/104` is 10.0.0.0/8.
  const bits = Number(bitsText) - (prefix.includes(":") && written.length === 4 ? 96 : 0);
  if (bits < 0 || bits > written.length * 8) return undefined;
  return { bytes: written, bits };
}

export function isIn(address: Address, { bytes, bits }: AddressBlock): boolean {
  if (address.length !== bytes.length) return false;
  const whole = bits >> 3;
  for (let index = 0; index < whole; index++) if (address[index] !== bytes[index]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  const mask = (0xff00 >> rest) & 0xff;
  return ((address[whole] ?? 0) & mask) === ((bytes[whole] ?? 0) & mask);
}

export function isSame(one: Address, other: Address): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** As people write it. */
export function addressText(address: Address): string {
  return ipaddr.fromByteArray([...address]).toString();
}
