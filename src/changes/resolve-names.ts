import type { BytePath } from "../model/tree.ts";
import type { FilePatch } from "./patch-model.ts";

/** Leading components that are no part of a name, as in `patch -p`. */
export type Strip = 0 | 1;

export type Exists = (path: BytePath) => Promise<boolean>;

/** Files that are looked up before the prefix is decided. */
const voterCountMax = 50;

/**
 * Whether names carry a prefix such as `a/`. The tree decides: every file that the patch expects to exist votes for the way of reading its name
 * under which it does. Without a majority the names do: two different first components, or a lone `a/` or `b/`, are prefixes.
 */
export async function chooseStrip(patches: readonly FilePatch[], exists: Exists): Promise<Strip> {
  const voters = patches
    .filter(({ kind, exactOldName }) => kind !== "create" && exactOldName === undefined)
    .slice(0, voterCountMax);
  let balance = 0;
  for (const patch of voters) {
    const names = [patch.oldName, patch.newName].filter((name) => name !== undefined);
    const without = await someExists(names, { strip: 1, exists });
    const as = await someExists(names, { strip: 0, exists });
    balance += Number(without) - Number(as);
  }
  if (balance !== 0) return balance > 0 ? 1 : 0;
  const looks = patches.reduce((sum, patch) => sum + (looksPrefixed(patch) ? 1 : -1), 0);
  return looks >= 0 ? 1 : 0;
}

/** The path behind a name; a name of one component has no prefix to lose. */
export function stripName(name: BytePath, strip: Strip): BytePath {
  const components = name.split("/").filter((component) => component !== "");
  const kept = components.length > strip ? components.slice(strip) : components;
  return kept.filter((component) => component !== ".").join("/");
}

async function someExists(
  names: readonly BytePath[],
  { strip, exists }: { strip: Strip; exists: Exists },
): Promise<boolean> {
  for (const name of names) if (await exists(stripName(name, strip))) return true;
  return false;
}

function looksPrefixed({ oldName, newName }: FilePatch): boolean {
  if (oldName !== undefined && newName !== undefined)
    return firstComponent(oldName) !== firstComponent(newName);
  return /^[abciow]\//.test(oldName ?? newName ?? "a/");
}

function firstComponent(name: BytePath): string {
  return name.split("/", 1)[0] ?? "";
}
