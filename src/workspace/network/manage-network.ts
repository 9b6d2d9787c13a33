import {
  type EgressPolicy,
  isOfProject,
  projectRefusalHint,
  type TemporaryRule,
} from "../../model/egress.ts";
import { asPyroError, PyroError } from "../../model/errors.ts";
import { limits } from "../../model/limits.ts";
import { nearest } from "../../model/nearest.ts";
import type { NetworkCheck, NetworkLog, WorkspaceNetwork } from "../../model/network-results.ts";
import { addressText, parseAddress } from "../../network/address.ts";
import {
  heldRules,
  isGoingOn,
  policyHere,
  preparedHere,
  rulesNow,
  warningsOf,
} from "../../network/policy.ts";
import { warningsOfProject } from "../../network/project-warnings.ts";
import { Proxies } from "../../network/proxies/proxies.ts";
import { proxyText } from "../../network/proxies/proxy.ts";
import { askedRule, parseRule, targetRule } from "../../network/rule.ts";
import { Targets, type Wanted } from "../../network/target.ts";
import type { WhichConnections } from "../../registry/connections.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { findWorkspace, latest } from "../life/find-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { keptProxies } from "../records/kept-proxies.ts";
import { nameOf } from "../records/workspace-states.ts";
import { requireEgress, tellSupervisor } from "./live-rules.ts";

export interface ChangeNetworkOptions {
  /** What is reachable where no rule says anything. Default: as it is. */
  readonly preset?: EgressPolicy["preset"] | undefined;
  /** `TARGET[:PORTS]` each; see docs/network.md. */
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
  /** How long what is allowed or denied by this is; a day at most. Default: for good. */
  readonly forSeconds?: number | undefined;
  /** Rules to take away: as they are shown, or their targets alone. */
  readonly remove?: readonly string[] | undefined;
}

export interface NetworkLogOptions extends WhichConnections {}

/** Default, as most of what is asked for is HTTPS. */
const checkedPort = 443;

/** What the workspace's commands may reach. */
export async function showNetwork(
  context: WorkspaceContext,
  id: string,
): Promise<WorkspaceNetwork> {
  return describe(context, await findWorkspace(context, id));
}

/** Changes that, from the next connection on; open ones that are not allowed any more are cut. */
export async function changeNetwork(
  context: WorkspaceContext,
  id: string,
  { preset, allow = [], deny = [], forSeconds, remove = [] }: ChangeNetworkOptions,
): Promise<WorkspaceNetwork> {
  const row = await findWorkspace(context, id);
  requireEgress(row);
  const added = [
    ...allow.map((text) => askedRule("allow", text).text),
    ...deny.map((text) => askedRule("deny", text).text),
  ];
  const until = forSeconds === undefined ? undefined : secondsFromNow(forSeconds);
  context.records.workspaces.changeEgress(row.workspaceId, (current) => {
    const left = without(row, current, remove);
    const rules = until === undefined ? [...left.rules, ...added] : left.rules;
    const isNew = ({ rule }: TemporaryRule) => !added.includes(rule);
    const temporaryRules = until === undefined ? [] : added.map((rule) => ({ rule, until }));
    const changed = policyHere(
      { preset: preset ?? current.preset, rules },
      {
        temporaryRules: [...left.temporaryRules.filter(isNew), ...temporaryRules],
        project: current.project,
      },
    );
    return { ...current, ...changed };
  });
  await tellSupervisor(context, row);
  return describe(context, latest(context, row));
}

/** The rules of both kinds that stay when those that `removed` names are taken away. */
function without(
  row: WorkspaceRow,
  policy: EgressPolicy,
  removed: readonly string[],
): Pick<EgressPolicy, "rules" | "temporaryRules"> {
  let { rules } = policy;
  let temporaryRules = heldRules(policy);
  for (const text of removed) {
    if (isOfProject(text)) throw noSuchRule(row, text, policy);
    const meant = /^\s*(allow|deny)\s/.test(text)
      ? [parseRule(text).text]
      : [targetRule("deny", text).text, targetRule("deny", text).text.replace(/^deny/, "allow")];
    const before = rules.length + temporaryRules.length;
    rules = rules.filter((rule) => !meant.includes(rule));
    temporaryRules = temporaryRules.filter(({ rule }) => !meant.includes(rule));
    if (rules.length + temporaryRules.length === before) throw noSuchRule(row, text, policy);
  }
  return { rules, temporaryRules };
}

function secondsFromNow(seconds: number): string {
  const { networkRuleSecondsMax: max } = limits;
  if (!(seconds >= 1 && seconds <= max))
    throw new PyroError(
      "invalid_argument",
      `A network rule cannot hold for ${seconds} seconds; 1 to ${max} are possible.`,
      { hint: "Leave the time away for a rule that holds until it is removed." },
    );
  return new Date(Date.now() + seconds * 1000).toISOString();
}

/** What would be decided about a host or address, and what it is now. */
export async function checkNetwork(
  context: WorkspaceContext,
  id: string,
  target: string,
): Promise<NetworkCheck> {
  const row = await findWorkspace(context, id);
  requireEgress(row);
  const policy = preparedHere(row.egress);
  const targets = new Targets({ policy: () => policy, proxies: proxiesOf(context, row) });
  const wanted = destinationOf(target);
  const { decision, candidates, proxy, isUnknown } = await targets.find(wanted);
  const { host, address, port } = wanted;
  const shown = host ?? addressText(address);
  return {
    ...{ workspaceId: row.workspaceId, host: shown, port, ...decision },
    ...(isUnknown && { reason: `${decision.reason} But ${shown} is unknown here.` }),
    addresses: candidates.flatMap((one) =>
      host === null || one.address === null
        ? []
        : [{ address: addressText(one.address), ...one.decision }],
    ),
    proxy: proxy === null || decision.verdict === "deny" ? null : proxyText(proxy),
  };
}

/** The proxies that the workspace is let out by. Throws where they cannot be used. */
function proxiesOf(context: WorkspaceContext, { workspaceId }: WorkspaceRow): Proxies {
  const kept = keptProxies(context.files(workspaceId).proxiesPath);
  return kept === undefined ? Proxies.none : new Proxies(kept);
}

/** What the workspace's programs tried to reach, the oldest first. */
export async function logNetwork(
  context: WorkspaceContext,
  id: string,
  which: NetworkLogOptions = {},
): Promise<NetworkLog> {
  const row = await findWorkspace(context, id);
  return {
    workspaceId: row.workspaceId,
    connections: context.records.connections.list(row.workspaceId, which),
  };
}

function describe(context: WorkspaceContext, row: WorkspaceRow): WorkspaceNetwork {
  const { workspaceId, networkPolicy, egress } = row;
  const { preset, rules, ownRegistries, project } = egress;
  const temporaryRules = heldRules(egress);
  const warnings = [
    ...warningsOf({ preset, rules: rulesNow(egress) }),
    ...warningsOfProject(egress),
  ];
  if (isGoingOn(egress.learning))
    warnings.push("Everything public is reachable while somebody learns what a command reaches.");
  let proxies: string[] = [];
  try {
    proxies = proxiesOf(context, row).list.map(proxyText);
  } catch (error) {
    warnings.push(`Nothing is reached. ${asPyroError(error).message}`);
  }
  return {
    ...{ workspaceId, networkPolicy, preset, rules: [...rules], temporaryRules },
    projectFile: project && { only: project.only && [...project.only], deny: [...project.deny] },
    ...{ ownRegistries: [...ownRegistries], proxies, warnings },
  };
}

function destinationOf(target: string): Wanted {
  const whole = parseAddress(target);
  if (whole !== undefined) return { host: null, address: whole, port: checkedPort };
  const { target: parsed, ports } = targetRule("deny", target);
  const [range] = ports ?? [[checkedPort, checkedPort] as const];
  if (ports !== null && (ports.length > 1 || range?.[0] !== range?.[1])) throw oneOnly(target);
  const port = range?.[0] ?? checkedPort;
  if (parsed.kind === "host") return { host: parsed.host, address: null, port };
  if (parsed.kind === "block" && parsed.block.bits === parsed.block.bytes.length * 8)
    return { host: null, address: parsed.block.bytes, port };
  throw oneOnly(target);
}

function oneOnly(target: string): PyroError {
  return new PyroError(
    "invalid_argument",
    `${JSON.stringify(target)} is more than one destination.`,
    { hint: "Name one host or address, and one port: example.com:443" },
  );
}

function noSuchRule(row: WorkspaceRow, text: string, policy: EgressPolicy): PyroError {
  const target = text.replace(/^\s*deny\s+/, "");
  if (isOfProject(text) || policy.project?.deny.includes(target))
    return new PyroError(
      "invalid_argument",
      `${JSON.stringify(text)} is no network rule of workspace ${nameOf(row)}, but of its project.`,
      { hint: projectRefusalHint },
    );
  const guess = nearest(text, rulesNow(policy));
  return new PyroError(
    "invalid_argument",
    `Workspace ${nameOf(row)} has no network rule ${JSON.stringify(text)}.`,
    {
      hint:
        guess === undefined
          ? `Look at them: pyro workspace network show ${nameOf(row)}`
          : `Did you mean "${guess}"?`,
    },
  );
}
