import type { KnownName, KnownNames } from "../../known-names.ts";
import type { Candidate, NameSource } from "./complete.ts";
import type { ValueKind } from "./value-kinds.ts";

/** Names that pyro knows, as what may be typed. */
export function nameSource(known: KnownNames): NameSource {
  return {
    names: async (kind, workspace) => {
      if (kind === "environment") return await known.environments();
      if (kind === "workspace") return known.workspaces().flatMap(workspaceWords);
      if (kind === "label") return known.workspaces().flatMap(labelsOf);
      return workspace === undefined ? [] : await ofWorkspace(known, kind, workspace);
    },
  };
}

async function ofWorkspace(
  known: KnownNames,
  kind: ValueKind,
  workspace: string,
): Promise<readonly KnownName[]> {
  switch (kind) {
    case "service":
      return known.services(workspace);
    case "snapshot":
      return [{ value: "baseline", summary: "as it was created" }, ...known.snapshots(workspace)];
    case "secret":
      return known.secrets(workspace);
    case "port":
      return known.ports(workspace);
    case "network-rule":
      return known.networkRules(workspace);
    case "shell":
      return await known.shells(workspace);
    default:
      return [];
  }
}

type Workspace = ReturnType<KnownNames["workspaces"]>[number];

/** A workspace that has a name is offered by it, and found by its id as well. */
function workspaceWords({ workspaceId, name, summary }: Workspace): readonly Candidate[] {
  if (name === null) return [{ value: workspaceId, summary }];
  return [
    { value: name, summary },
    { value: workspaceId, summary: `${name}, ${summary}`, isAlternative: true },
  ];
}

function labelsOf({ labels }: Workspace): readonly Candidate[] {
  return Object.entries(labels).map((entry) => ({ value: entry.join("=") }));
}
