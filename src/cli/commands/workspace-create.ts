import { type Command, Option } from "commander";
import { type CpuLevel, defaults, type NetworkPolicy, networkPolicies } from "../../index.ts";
import { type CommandContext, cpuOption, seconds, wholeNumberArgument } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { collectKeyValue, type KeyValues } from "../key-value.ts";
import { printLeftOut } from "../listings/left-out.ts";
import { answerWorkspace } from "../listings/workspace-block.ts";
import { addNetworkOptions, egressOptions, type NetworkOptions } from "../network-arguments.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";
import { addSecretOptions, type SecretOptions, secretSources } from "../secret-arguments.ts";
import { addWorkspaceOutput, type WorkspaceOutputOption } from "../workspace-arguments.ts";

interface CreateOptions extends WorkspaceOutputOption, SecretOptions, NetworkOptions {
  readonly seedPath?: string;
  readonly respectGitignore: boolean;
  readonly includeOuterGit: boolean;
  readonly name?: string;
  readonly label?: KeyValues;
  readonly vcpuCount: number;
  readonly memMib: number;
  readonly cpu?: CpuLevel;
  readonly ttlSeconds?: number;
  readonly networkPolicy: NetworkPolicy;
  readonly allowHostCompat: boolean;
}

export function addWorkspaceCreate(group: Command, context: CommandContext): void {
  const command = group
    .command("create")
    .summary("create and start a workspace")
    .description(
      "Creates a workspace, fills its /workspace and starts it. It lives until deleted, or for --ttl-seconds.\nThe environment is installed first when it is missing.",
    )
    .argument("<environment>", "catalog name or image reference, e.g. debian:12")
    .option("--seed-path <path>", "directory, .tar, .tar.gz or .tgz to fill /workspace with")
    .option(
      "--respect-gitignore",
      "leave out what .gitignore files in the seed name and git does not track",
      false,
    )
    .option("--include-outer-git", "bring what its Git checkout uses outside of the seed", false)
    .option("--name <name>", "what to call it, instead of its id")
    .option("--label <k=v>", "label to find it by (repeatable)", collectKeyValue)
    .option("--vcpu-count <n>", "virtual CPUs", wholeNumberArgument, defaults.vcpuCount)
    .option("--mem-mib <n>", "guest memory in MiB", wholeNumberArgument, defaults.memMib)
    .addOption(cpuOption())
    .option("--ttl-seconds <s>", "delete it after so long, whatever happens", seconds)
    .addOption(
      new Option(
        "--network-policy <policy>",
        "egress lets its commands out, published-ports lets this machine reach its servers",
      )
        .choices(networkPolicies)
        .default("off"),
    );
  addNetworkOptions(command).option(
    "--allow-host-compat",
    "work on this host WITHOUT isolation when no guest can run",
    false,
  );
  addWorkspaceOutput(addSecretOptions(command))
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace create debian:12 --name demo --seed-path .\n  pyro workspace create debian:12 --network-policy egress --credential github",
    )
    .action((environment: string, options: CreateOptions) => create(context, environment, options));
}

async function create(
  { io, openPyro }: CommandContext,
  environment: string,
  { label, ...options }: CreateOptions,
): Promise<void> {
  using interrupt = watchInterrupts();
  using pyro = openPyro();
  using progress = options.json ? silentProgress() : showProgress(io, environment);
  const workspace = await pyro.createWorkspace({
    environment,
    seedPath: options.seedPath,
    respectGitignore: options.respectGitignore,
    includeOuterGit: options.includeOuterGit,
    name: options.name,
    labels: label,
    vcpuCount: options.vcpuCount,
    memMib: options.memMib,
    cpu: options.cpu,
    ttlSeconds: options.ttlSeconds,
    networkPolicy: options.networkPolicy,
    ...egressOptions(options),
    secrets: secretSources(io, options),
    allowHostCompat: options.allowHostCompat,
    signal: interrupt.signal,
    onProgress: progress.report,
  });
  progress[Symbol.dispose]();
  await answerWorkspace(io, workspace, { ...options, detail: "brief" });
  if (!options.json) printLeftOut(io, workspace.workspaceSeed);
}
