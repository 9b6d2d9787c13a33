import type { Command, Option } from "commander";

/** What is known by name, or lies on this host. */
export type ValueKind =
  | "environment"
  | "workspace"
  | "shell"
  | "service"
  | "snapshot"
  | "secret"
  | "port"
  | "network-rule"
  | "label"
  | "file"
  | "directory"
  /** A command of the guest, which nobody here can complete; neither can what follows it. */
  | "guest-command";

const ofArguments: Readonly<Record<string, ValueKind>> = {
  environment: "environment",
  id: "workspace",
  shell: "shell",
  source: "file",
  command: "guest-command",
};

/** Of commands, by the group they are in: what their `<name>` or `<port>` stands for. */
const ofGroups: Readonly<Record<string, ValueKind>> = {
  service: "service",
  snapshot: "snapshot",
  secret: "secret",
  port: "port",
};

/** These are given a name that there is not yet. */
const naming: readonly string[] = ["create", "publish"];

const ofOptions: Readonly<Record<string, ValueKind>> = {
  "--snapshot": "snapshot",
  "--secret-env": "secret",
  "--label": "label",
  "--seed-path": "file",
};

const ofPlaceholders: Readonly<Record<string, ValueKind>> = {
  "<file>": "file",
  "<host-path>": "file",
  "<dir>": "directory",
};

export function kindOfArgument(command: Command, name: string): ValueKind | undefined {
  if (name === "target") return command.name() === "remove" ? "network-rule" : undefined;
  if (name !== "name" && name !== "port") return ofArguments[name];
  return naming.includes(command.name()) ? undefined : ofGroups[command.parent?.name() ?? ""];
}

export function kindOfOption({ long, flags }: Option): ValueKind | undefined {
  const [, placeholder = ""] = /(<.*>)$/.exec(flags) ?? [];
  return ofOptions[long ?? ""] ?? ofPlaceholders[placeholder];
}
