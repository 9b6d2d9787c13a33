import { readFileSync } from "node:fs";
import { visibleText } from "../../model/text.ts";
import type { WorkspaceFiles } from "./workspace-files.ts";

/** Why what guards a workspace's machine ended it, in words; undefined when it did not. */
export function guardianWord({ guardianWordPath }: WorkspaceFiles): string | undefined {
  try {
    const reason = readFileSync(guardianWordPath, "utf8").trim();
    return `its virtual machine was ended, because ${visibleText(reason, 200)}`;
  } catch {
    return undefined;
  }
}
