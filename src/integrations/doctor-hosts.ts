import {
  asPyroError,
  type HostCheck,
  type HostDiagnosis,
  type HostReport,
  visibleText,
} from "../index.ts";
import type { CodingAgent, FoundEntry, Place, Surroundings } from "./agent.ts";
import { agentNamed, codingAgents } from "./agents/all-agents.ts";
import { askServer } from "./ask-server.ts";
import { currentSurroundings } from "./connect-host.ts";
import { ownEntry, readConfigFile } from "./entries.ts";
import { programTrouble } from "./executables.ts";
import { findAgent, runAgent } from "./run-agent.ts";
import { parseServeCommand } from "./serve-command.ts";

/** Looks at every coding agent, or the named one: installed, configured, and does its server start? */
export async function doctorHosts(
  name?: string,
  surroundings = currentSurroundings(),
): Promise<HostReport> {
  const agents = name === undefined ? codingAgents : [agentNamed(name)];
  const hosts: HostDiagnosis[] = [];
  for (const agent of agents) hosts.push(await diagnose(agent, surroundings));
  const healthy = hosts.every(({ checks }) => checks.every(({ status }) => status !== "fail"));
  return { healthy, hosts };
}

async function diagnose(agent: CodingAgent, surroundings: Surroundings): Promise<HostDiagnosis> {
  const { version, check } = await checkInstalled(agent, surroundings);
  const checks: HostCheck[] = [check];
  let toolCount: number | null = null;
  let isConnected = false;
  for (const place of allPlaces(agent, surroundings)) {
    const { entry, check: read } = await readEntry(agent, place);
    if (read !== undefined) checks.push(read);
    if (entry === undefined) continue;
    isConnected = true;
    const asked = await checkEntry(agent, entry, surroundings);
    checks.push(...asked.checks);
    toolCount ??= asked.toolCount;
  }
  if (checks.length === 1)
    checks.push({
      name: "configured",
      status: "skip",
      message: `${agent.title} does not know pyro.`,
      fix: `pyro host connect ${agent.name}`,
    });
  const { name: host, title } = agent;
  return { host, title, version, connected: isConnected, toolCount, checks };
}

async function checkInstalled(
  agent: CodingAgent,
  surroundings: Surroundings,
): Promise<{ version: string | null; check: HostCheck }> {
  const name = "installed";
  const program = findAgent(agent, surroundings);
  if (program === undefined) {
    const message = `${agent.program} is not on the PATH.`;
    return { version: null, check: { name, status: "skip", message, fix: agent.install } };
  }
  const { ok, words } = await runAgent(program, ["--version"], surroundings);
  const shown = visibleText(program);
  if (!ok) {
    const message = `${shown} does not run: ${words}`;
    return { version: null, check: { name, status: "warn", message, fix: agent.install } };
  }
  const message = `${words} (${shown})`;
  return { version: words, check: { name, status: "ok", message, fix: null } };
}

/** Every place an entry may stand in, each once. */
export function allPlaces(agent: CodingAgent, surroundings: Surroundings): readonly Place[] {
  const places = [
    agent.place("user", surroundings),
    agent.place("project", surroundings),
    ...agent.otherPlaces(surroundings),
  ];
  // In the home directory, a project's file may be the user's.
  const name = ({ path, keyPath }: Place) => JSON.stringify([path, keyPath]);
  return [...new Map(places.toReversed().map((place) => [name(place), place])).values()].reverse();
}

async function readEntry(
  agent: CodingAgent,
  place: Place,
): Promise<{ entry?: FoundEntry; check?: HostCheck }> {
  const name = "configured";
  try {
    const entry = ownEntry(agent, await readConfigFile(agent, place));
    if (entry === undefined) return {};
    const message = `for the ${place.scope}: ${visibleText(place.path)}`;
    const fix = scoped("connect", agent, place);
    const check: HostCheck = entry.isEnabled
      ? { name, status: "ok", message, fix: null }
      : { name, status: "warn", message: `turned off ${message}`, fix };
    return { entry, check };
  } catch (error) {
    const { code, message } = asPyroError(error);
    if (code !== "host_config_conflict")
      return { check: { name, status: "fail", message, fix: null } };
    const fix = `${scoped("connect", agent, place)} --force`;
    return { check: { name, status: "warn", message, fix } };
  }
}

function scoped(verb: string, agent: CodingAgent, { scope }: Place): string {
  return `pyro host ${verb} ${agent.name}${scope === "project" ? " --scope project" : ""}`;
}

async function checkEntry(
  agent: CodingAgent,
  entry: FoundEntry,
  surroundings: Surroundings,
): Promise<{ checks: HostCheck[]; toolCount: number | null }> {
  const fix = `pyro host repair ${agent.name}`;
  const env = agent.serverEnvironment(surroundings.env, entry);
  const trouble = programTrouble(entry.command[0] ?? "", env.PATH);
  if (trouble !== undefined) {
    const check: HostCheck = {
      name: "command",
      status: "fail",
      message: visibleText(trouble),
      fix,
    };
    return { checks: [check], toolCount: null };
  }
  const { unknown } = parseServeCommand(entry.command);
  const line = visibleText(entry.command.join(" "), 400);
  const command: HostCheck =
    unknown.length === 0
      ? { name: "command", status: "ok", message: line, fix: null }
      : {
          name: "command",
          status: "warn",
          message: `unknown in "${line}": ${unknown.join(" ")}`,
          fix,
        };
  const answer = await askAs(agent, entry, surroundings);
  if ("trouble" in answer) {
    const message = `The server does not start. ${answer.trouble}`;
    return { checks: [command, { name: "server", status: "fail", message, fix }], toolCount: null };
  }
  const message = `${answer.toolCount} ${answer.toolCount === 1 ? "tool" : "tools"} after ${answer.readyMs} ms`;
  const server: HostCheck = { name: "server", status: "ok", message, fix: null };
  return { checks: [command, server], toolCount: answer.toolCount };
}

/** Starts the server of `entry` with what the coding agent would give it. */
export function askAs(
  agent: CodingAgent,
  entry: FoundEntry,
  surroundings: Surroundings,
): ReturnType<typeof askServer> {
  return askServer(entry.command, {
    env: agent.serverEnvironment(surroundings.env, entry),
    currentDirectory: surroundings.currentDirectory,
    protocolVersion: agent.protocolVersion,
    timeoutMs: agent.startTimeoutMs,
  });
}
