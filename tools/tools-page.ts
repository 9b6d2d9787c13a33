// The reference of the MCP tools, made from their declarations.
import { holds, type ProfileName, profileNames, profiles } from "../src/mcp/profiles.ts";
import { annotationsOf, type Tool } from "../src/mcp/tool.ts";
import { inputDocument } from "../src/mcp/tool-input.ts";
import { allTools } from "../src/mcp/tools/all-tools.ts";

interface Field {
  readonly type?: string;
  readonly anyOf?: readonly Field[];
  readonly items?: Field;
  readonly enum?: readonly string[];
  readonly description?: string;
}

export function toolsPage(): string {
  return [
    "<!-- Made by `make docs`; edit the code instead. -->",
    "# MCP tools",
    "",
    "What `pyro mcp serve` offers, by profile; each profile holds the tools of those before it. [mcp.md](mcp.md) says how to serve them and how they answer.",
    "",
    ...profileNames.flatMap(profileTable),
    ...allTools.flatMap(toolSection),
  ].join("\n");
}

function profileTable(profile: ProfileName): string[] {
  const added = allTools.filter((tool) => tool.profile === profile);
  const all = allTools.filter((tool) => holds(profile, tool.profile));
  return [
    `## ${profile}`,
    "",
    `${capital(profiles[profile])}. ${all.length} ${all.length === 1 ? "tool" : "tools"}.`,
    "",
    "| tool | what it is | answers | hints |",
    "| --- | --- | --- | --- |",
    ...added.map(
      (tool) =>
        `| [\`${tool.name}\`](#${tool.name}) | ${tool.title} | ${tool.kind === "bulk" ? "text" : "JSON"} | ${hintsText(tool)} |`,
    ),
    "",
  ];
}

function hintsText({ effect }: Tool): string {
  const { readOnlyHint, destructiveHint, idempotentHint } = annotationsOf[effect];
  const hints = [
    readOnlyHint && "reads only",
    destructiveHint && "destructive",
    idempotentHint && !readOnlyHint && "idempotent",
  ];
  return hints.filter(Boolean).join(", ") || "-";
}

function toolSection(tool: Tool): string[] {
  const { properties = {}, required = [] } = inputDocument(tool) as {
    properties?: Record<string, Field>;
    required?: readonly string[];
  };
  const rows = Object.entries(properties).map(
    ([name, field]) =>
      `| \`${name}\`${required.includes(name) ? " (required)" : ""} | ${typeText(field)} | ${cell(field.description ?? "")} |`,
  );
  return [
    `### ${tool.name}`,
    "",
    tool.description,
    "",
    ...(rows.length === 0
      ? ["No arguments.", ""]
      : ["| argument | type | meaning |", "| --- | --- | --- |", ...rows, ""]),
  ];
}

function typeText(field: Field): string {
  if (field.anyOf !== undefined) return field.anyOf.map(typeText).join(" or ");
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(", ");
  if (field.type === "array") return `list of ${field.items ? typeText(field.items) : "any"}s`;
  return field.type === "object" ? "map of strings" : (field.type ?? "any");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
