import { domainToASCII } from "node:url";
import { hostInRule } from "../model/egress.ts";
import { PyroError } from "../model/errors.ts";
import { nearest } from "../model/nearest.ts";
import { visibleText } from "../model/text.ts";
import { type AddressBlock, addressText, parseAddress, parseBlock } from "./address.ts";

export type RuleAction = "allow" | "deny";

/** From the first to the last, both included. */
export type PortRange = readonly [first: number, last: number];

export type RuleTarget =
  | { readonly kind: "host"; readonly host: string }
  /** Every host below `parent`, and not itself. */
  | { readonly kind: "suffix"; readonly parent: string }
  | { readonly kind: "block"; readonly block: AddressBlock }
  | { readonly kind: "group"; readonly group: RuleGroup };

/** Nothing of the last two classes is ever meant by a word. */
export const ruleGroups = [
  "public",
  "private",
  "loopback",
  "link-local",
  "metadata",
  "host",
  "registries",
] as const;

export type RuleGroup = (typeof ruleGroups)[number];

export interface Rule {
  readonly action: RuleAction;
  readonly target: RuleTarget;
  /** Null: every port. */
  readonly ports: readonly PortRange[] | null;
  /** As it is shown and compared: `allow example.com:443`. */
  readonly text: string;
}

const howRulesLook =
  "A rule is a host, *.SUFFIX, an address, a block such as 10.1.0.0/16, or one of " +
  `${ruleGroups.join(", ")}; with ports: example.com:443, *.example.com:80,443, [2001:db8::1]:8000-8010.`;

/** The rule that `text` writes as ACTION TARGET[:PORTS]. Throws `invalid_argument`. */
export function parseRule(text: string): Rule {
  const [, action, rest = ""] = /^\s*(allow|deny)\s+(\S+)\s*$/.exec(text) ?? [];
  if (action === "allow" || action === "deny") return targetRule(action, rest);
  throw refused(text, "does not say allow or deny and then what");
}

/** The rule about `text`, which is TARGET[:PORTS]. Throws `invalid_argument`. */
export function targetRule(action: RuleAction, text: string): Rule {
  // Before what follows a colon is taken for ports.
  if (text.includes("://")) throw refused(text, "is a URL: name its host, and its port");
  if (text.includes("@")) throw refused(text, "names a user: rules are about hosts");
  const { name, ports } = splitPorts(text);
  const target = parseTarget(name, text);
  if (action === "allow") checkWidth(target, text);
  const portsText = ports === null ? "" : `:${ports.map(rangeText).join(",")}`;
  return {
    action,
    target,
    ports,
    text: `${action} ${targetText(target, portsText !== "")}${portsText}`,
  };
}

/**
 * The same of what somebody has just written. A word that is no group is a misspelt one far more often than a host, and nobody would
 * notice: so a host that has no domain is written as DNS does, with a dot at its end.
 */
export function askedRule(action: RuleAction, text: string): Rule {
  const rule = targetRule(action, text);
  const { name } = splitPorts(text);
  if (rule.target.kind !== "host" || name.includes(".")) return rule;
  const guess = nearest(name.toLowerCase(), ruleGroups);
  const meant = guess === undefined ? howRulesLook : `Did you mean ${guess}?`;
  const dotted = `A host without a domain is written with a dot at its end: ${targetText(rule.target, false)}`;
  throw refused(text, "is one word, and no group", `${meant} ${dotted}`);
}

/** The ASCII form of a host's name, in lower case and without the dot at its end; undefined where it is none. */
export function hostName(text: string): string | undefined {
  const bare = text.endsWith(".") ? text.slice(0, -1) : text;
  const ascii = /^[\x21-\x7e]*$/.test(bare) ? bare.toLowerCase() : domainToASCII(bare);
  const labels = ascii.split(".");
  if (ascii.length > 253 || !labels.every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label)))
    return undefined;
  // Clients take such a name for an address in an unusual notation (127.1, 0x7f000001), and so would our resolver.
  return /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "") ? undefined : ascii;
}

/** Whether a name means whatever machine asks. */
export function isLocalName(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

/** Names that no public name server knows: of one word, and below what is set aside for a network's own use. */
export function isInternalName(host: string): boolean {
  return !host.includes(".") || ownDomains.some((domain) => host.endsWith(`.${domain}`));
}

const ownDomains = [
  ...["localhost", "local", "internal", "intranet", "private", "corp", "home", "lan"],
  ...["home.arpa", "localdomain", "test", "in-addr.arpa", "ip6.arpa", "onion"],
];

function splitPorts(text: string): { name: string; ports: PortRange[] | null } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null)
    return { name: bracketed[1] ?? "", ports: parsePorts(bracketed[2], text) };
  // More than one colon outside of brackets is an IPv6 address without ports.
  const colon = text.indexOf(":");
  if (colon < 0 || text.indexOf(":", colon + 1) >= 0) return { name: text, ports: null };
  return { name: text.slice(0, colon), ports: parsePorts(text.slice(colon + 1), text) };
}

function parsePorts(list: string | undefined, text: string): PortRange[] | null {
  if (list === undefined) return null;
  return list.split(",").map((part) => {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    const range = [Number(first), Number(last)] as const;
    if (range[0] >= 1 && range[0] <= range[1] && range[1] <= 65_535) return range;
    throw refused(
      text,
      `has ${visibleText(JSON.stringify(part), 40)} for a port, which is none from 1 to 65535 and no range of them`,
    );
  });
}

function parseTarget(name: string, text: string): RuleTarget {
  const group = ruleGroups.find((one) => one === name);
  if (group !== undefined) return { kind: "group", group };
  const block = parseBlock(name);
  if (block !== undefined) return { kind: "block", block };
  const address = parseAddress(name);
  if (address !== undefined)
    return { kind: "block", block: { bytes: address, bits: address.length * 8 } };
  if (name === "*")
    throw refused(
      text,
      "means everything: say public, and private or loopback where they are meant",
    );
  const parent = name.startsWith("*.") ? hostName(name.slice(2)) : undefined;
  if (parent !== undefined) return { kind: "suffix", parent };
  const host = hostName(name);
  if (host !== undefined && isLocalName(host))
    throw refused(
      text,
      "names the guest itself, which is always reachable; this machine is host, and loopback",
    );
  if (host !== undefined) return { kind: "host", host };
  throw refused(text, "is no host, address or group");
}

/** A block that holds more than one kind of address would open what nobody thought of. */
function checkWidth(target: RuleTarget, text: string): void {
  if (target.kind !== "block") return;
  const { bytes, bits } = target.block;
  if (bits >= (bytes.length === 4 ? 8 : 16)) return;
  throw refused(text, "is too wide to be meant: say public, private or loopback");
}

function targetText(target: RuleTarget, hasPorts: boolean): string {
  switch (target.kind) {
    case "host":
      return hostInRule(target.host);
    case "suffix":
      return `*.${target.parent}`;
    case "group":
      return target.group;
    case "block": {
      const { bytes, bits } = target.block;
      const text = addressText(bytes) + (bits === bytes.length * 8 ? "" : `/${bits}`);
      return bytes.length === 16 && hasPorts ? `[${text}]` : text;
    }
  }
}

function rangeText([first, last]: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

function refused(text: string, what: string, hint = howRulesLook): PyroError {
  return new PyroError(
    "invalid_argument",
    `The network rule ${visibleText(JSON.stringify(text), 120)} ${what}.`,
    { hint },
  );
}
