import { visibleText } from "../../model/text.ts";

/** Extensions of the repository format, with the version of git from which on they are understood. */
const extensions: Readonly<Record<string, string>> = {
  noop: "2.7",
  preciousobjects: "2.7",
  partialclone: "2.17",
  worktreeconfig: "2.20",
  objectformat: "2.29",
  "noop-v1": "2.29",
  compatobjectformat: "2.45",
  refstorage: "2.45",
  relativeworktrees: "2.48",
};
/** What the oldest distribution of the catalog has. */
const guestVersion = "2.39";
const namedMax = 10;

/** What git in the guest may stumble over, by a repository's configuration. */
export function formatWarnings(config: ReadonlyMap<string, string>): string[] {
  const warnings: string[] = [];
  const format = Number(config.get("core.repositoryformatversion") ?? 0);
  if (format > 1)
    warnings.push(
      `its repository has format ${format}, which git in the guest may not understand.`,
    );
  if (format === 1) warnings.push(...extensionsOf(config).flatMap((name) => tooNew(name) ?? []));
  if (isPartial(config))
    warnings.push(
      "it is a partial clone: git in the guest cannot fetch the objects that are missing.",
    );
  return warnings;
}

function extensionsOf(config: ReadonlyMap<string, string>): string[] {
  const prefix = "extensions.";
  const names = [...config.keys()].filter((key) => key.startsWith(prefix));
  return names.slice(0, namedMax).map((key) => key.slice(prefix.length));
}

function tooNew(name: string): string | undefined {
  const since = Object.hasOwn(extensions, name) ? extensions[name] : undefined;
  if (since !== undefined && isUpTo(since, guestVersion)) return undefined;
  const known = since === undefined ? "" : `, which git knows from ${since} on`;
  return `its repository uses the extension ${visibleText(name, 60)}${known}: a git in the guest that does not know it refuses to work.`;
}

function isUpTo(version: string, limit: string): boolean {
  return version.localeCompare(limit, "en", { numeric: true }) <= 0;
}

function isPartial(config: ReadonlyMap<string, string>): boolean {
  if (config.has("extensions.partialclone")) return true;
  return [...config].some(
    ([key, value]) => key.startsWith("remote.") && key.endsWith(".promisor") && value === "true",
  );
}
