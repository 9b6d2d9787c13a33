import { z } from "zod";
import { PyroError } from "../model/errors.ts";
import { nearest } from "../model/nearest.ts";
import { visibleText } from "../model/text.ts";
import { defaultProfile, holds, type ProfileName, profileNames } from "./profiles.ts";
import { annotationsOf, type Tool } from "./tool.ts";
import { allTools } from "./tools/all-tools.ts";

export interface Selection {
  readonly profile?: ProfileName | undefined;
  readonly tools?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly readOnly?: boolean | undefined;
}

/** The tools a server offers, always in the same order. Throws `invalid_argument` that lists the names there are. */
export function selectTools({
  profile = defaultProfile,
  tools,
  exclude = [],
  readOnly = false,
}: Selection = {}): readonly Tool[] {
  requireKnown("profile", [profile], profileNames);
  const known = allTools.map(({ name }) => name);
  requireKnown("tool", [...(tools ?? []), ...exclude], known);
  const chosen = allTools.filter(
    (tool) =>
      (tools === undefined ? holds(profile, tool.profile) : tools.includes(tool.name)) &&
      !exclude.includes(tool.name) &&
      (!readOnly || annotationsOf[tool.effect].readOnlyHint === true),
  );
  if (chosen.length > 0) return chosen.map((tool) => within(profile, tool));
  throw new PyroError("invalid_argument", "These options leave no tool to serve.", {
    hint: `There are: ${known.join(", ")}.`,
  });
}

/** The tool with the arguments that a profile offers. */
function within(profile: ProfileName, tool: Tool): Tool {
  if (tool.fullOnly === undefined || holds(profile, "workspace-full")) return tool;
  const { fullOnly } = tool;
  const shape = Object.entries(tool.input.shape).filter(([name]) => !fullOnly.includes(name));
  return { ...tool, input: z.object(Object.fromEntries(shape)) };
}

function requireKnown(what: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.filter((name) => !known.includes(name));
  const [first] = unknown;
  if (first === undefined) return;
  const guess = nearest(first, known);
  const meant = guess === undefined ? "" : ` Did you mean ${guess}?`;
  const names = unknown.map((name) => `"${visibleText(name, 60)}"`).join(", ");
  throw new PyroError("invalid_argument", `There is no ${what} ${names}.${meant}`, {
    hint: `There are: ${known.join(", ")}.`,
  });
}
