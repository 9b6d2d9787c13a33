import { type Command, Option } from "commander";
import {
  asPyroError,
  egressPresets,
  isOfProject,
  type NetworkConnection,
  type NetworkLogOptions,
  projectRefusalHint,
  visibleText,
} from "../../index.ts";
import { type CommandContext, type JsonOption, wholeNumberArgument } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { connectionLine, printConnections, printNetwork } from "../listings/network-lines.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import { durationArgument } from "../time.ts";
import { idMeaning } from "../workspace-arguments.ts";

const targetMeaning =
  "host, *.suffix, address, block or group (public, private, registries, …), each with :PORTS or for all";

export function addWorkspaceNetworkShow(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("show")
    .summary("what a workspace may reach")
    .description("Shows the rules of a workspace, and what is reachable beside them.")
    .argument("<id>", idMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace network show demo\n  pyro workspace network show demo --json | jq -r '.rules[]'",
    )
    .action(async (id: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const network = await pyro.showNetwork(id);
      if (json) return printResult(io, "network", network);
      printNetwork(io, network);
    });
}

interface ChangeCommand {
  readonly name: "allow" | "deny" | "remove";
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly string[];
}

const changes: readonly ChangeCommand[] = [
  {
    name: "allow",
    summary: "let a workspace reach a host",
    description:
      "Allows connections, from the next one on. A host's name opens its public addresses; a private one is opened by its address, a block, or the group private.",
    examples: [
      "pyro workspace network allow demo api.example.com:443 --for 10m",
      "pyro workspace network allow demo 10.1.2.3:5432",
    ],
  },
  {
    name: "deny",
    summary: "keep a workspace from reaching a host",
    description: "Denies connections, whatever is allowed beside. Those that are open are cut.",
    examples: [
      "pyro workspace network deny demo '*.example.com'",
      "pyro workspace network deny demo public:25",
    ],
  },
  {
    name: "remove",
    summary: "take rules away",
    description: "Takes away rules: as `network show` prints them, or all about a target.",
    examples: [
      "pyro workspace network remove demo 'allow api.example.com:443'",
      "pyro workspace network remove demo api.example.com:443",
    ],
  },
];

export function addWorkspaceNetworkChanges(group: Command, { io, openPyro }: CommandContext): void {
  for (const { name, summary, description, examples } of changes) {
    const command = group
      .command(name)
      .summary(summary)
      .description(description)
      .argument("<id>", idMeaning)
      .argument("<target...>", name === "remove" ? "rule, or its target" : targetMeaning)
      .addOption(
        new Option(
          "--network-preset <preset>",
          "also changes what is reachable beside the rules",
        ).choices(egressPresets),
      )
      .option("--json", "print one JSON object", false)
      .addHelpText("after", `\nExamples:${examples.map((example) => `\n  ${example}`).join("")}`)
      .action(async (id: string, targets: string[], options: ChangeOptions) => {
        using pyro = openPyro();
        const { networkPreset: preset, for: forSeconds } = options;
        const network = await pyro.changeNetwork(id, { [name]: targets, preset, forSeconds });
        if (options.json) return printResult(io, "network", network);
        printNetwork(io, network);
      });
    if (name !== "remove")
      command.option(
        "--for <duration>",
        "how long they hold, such as 30m or 12h, a day at most (default: until they are removed)",
        durationArgument,
      );
  }
}

interface ChangeOptions extends JsonOption {
  readonly networkPreset?: (typeof egressPresets)[number];
  readonly for?: number;
}

export function addWorkspaceNetworkCheck(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("check")
    .summary("whether a host may be reached, and why")
    .description(
      "Says whether a workspace may reach a host now, by which rule, and at which addresses. Nothing is sent to it; its name is looked up where it is not denied anyway.",
    )
    .argument("<id>", idMeaning)
    .argument("<target>", "HOST[:PORT] or ADDRESS[:PORT]; the port is 443 unless given")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace network check demo example.com\n  pyro workspace network check demo 10.0.0.1:22",
    )
    .action(async (id: string, target: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const check = await pyro.checkNetwork(id, target);
      if (json) return printResult(io, "networkCheck", check);
      printLine(io, `${check.verdict}: ${visibleText(check.reason, 700)}`);
      printLine(io, `rule: ${visibleText(check.rule, 300)}`);
      if (isOfProject(check.rule)) printNote(io, `hint: ${projectRefusalHint}`);
      for (const { address, verdict, rule } of check.addresses)
        printLine(io, `  ${address}: ${verdict} by ${visibleText(rule, 300)}`);
      if (check.proxy !== null) printLine(io, `proxy: ${visibleText(check.proxy, 300)}`);
    });
}

interface LogOptions extends JsonOption {
  readonly denied: boolean;
  readonly follow: boolean;
  readonly last?: number;
}

export function addWorkspaceNetworkLog(group: Command, context: CommandContext): void {
  group
    .command("log")
    .summary("what a workspace tried to reach")
    .description(
      "Lists the connections that programs of a workspace made or tried since its last reset, the oldest first. Denied tries that are alike are one entry with a count.",
    )
    .argument("<id>", idMeaning)
    .option("--denied", "only those that were denied", false)
    .option("--last <n>", "only the newest so many", wholeNumberArgument)
    .option("--follow", "go on with new ones as they come, each once, until Ctrl-C", false)
    .option("--json", "print one JSON object; with --follow one a line for each", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace network log demo --denied --last 20\n  pyro workspace network log demo --follow --json | jq -r .host",
    )
    .action((id: string, options: LogOptions) => log(context, id, options));
}

async function log(context: CommandContext, id: string, options: LogOptions): Promise<void> {
  const { io, openPyro } = context;
  const { json, denied, follow, last } = options;
  const which = { last, ...(denied && { verdict: "deny" as const }) };
  if (follow) return await followLog(context, { id, json, which });
  using pyro = openPyro();
  const found = await pyro.logNetwork(id, which);
  if (json) return printResult(io, "networkLog", found);
  if (found.connections.length === 0) return printNote(io, "No connections.");
  printConnections(io, found.connections);
}

interface FollowCall {
  readonly id: string;
  readonly json: boolean;
  readonly which: NetworkLogOptions;
}

async function followLog(
  { io, openPyro, exit }: CommandContext,
  { id, json, which }: FollowCall,
): Promise<void> {
  using interrupt = watchInterrupts();
  using pyro = openPyro();
  const onConnection = async (connection: NetworkConnection) => {
    if (json) await printResult(io, "networkConnection", connection);
    else printLine(io, connectionLine(connection));
  };
  try {
    await pyro.followNetwork(id, { ...which, onConnection, signal: interrupt.signal });
  } catch (error) {
    // Whoever follows ends it like this.
    if (interrupt.exitCode === undefined || asPyroError(error).code !== "cancelled") throw error;
    exit(interrupt.exitCode);
  }
}
