import { createHash } from "node:crypto";
import type { InstalledImage } from "./store.ts";

/** An environment pyro knows how to build from the distribution's own archive. */
export interface CatalogEntry {
  readonly name: string;
  readonly suite: string;
  readonly packages: readonly string[];
  readonly summary: string;
  /** Commands whose files are worth having in every restored machine's page cache. */
  readonly warm: readonly (readonly string[])[];
  /** Those of them that a machine has run when it waits: each costs it the memory of its translation, Python's 40 MiB. */
  readonly standby: readonly (readonly string[])[];
}

const everyday = [
  "ca-certificates",
  "curl",
  "git",
  "less",
  "procps",
  "python3",
  "ripgrep",
] as const;
const building = ["build-essential", "make", "pkg-config", "python3-venv"] as const;

const warmBase = [
  ["sh", "-c", "true"],
  ["ls", "/"],
  ["cat", "/etc/os-release"],
  ["bash", "-c", "true"],
] as const;
const standbyBase = [["sh", "-c", "true"]] as const;
const standbyEveryday = [...standbyBase, ["git", "--version"]] as const;
const warmEveryday = [...warmBase, ["git", "--version"], ["python3", "-c", "pass"]] as const;

export const catalog: readonly CatalogEntry[] = [
  {
    name: "debian:12",
    suite: "bookworm",
    packages: everyday,
    summary: "Debian 12 with git, curl, python3 and ripgrep",
    warm: warmEveryday,
    standby: standbyEveryday,
  },
  {
    name: "debian:12-base",
    suite: "bookworm",
    packages: [],
    summary: "Debian 12, minimal",
    warm: warmBase,
    standby: standbyBase,
  },
  {
    name: "debian:12-build",
    suite: "bookworm",
    packages: [...everyday, ...building],
    summary: "debian:12 with compilers, make and python3-venv",
    warm: warmEveryday,
    standby: standbyEveryday,
  },
  {
    name: "debian:13",
    suite: "trixie",
    // Debian 12 has the old names of time zones, such as US/Pacific, in tzdata itself.
    packages: [...everyday, "tzdata", "tzdata-legacy"],
    summary: "Debian 13 with git, curl, python3 and ripgrep",
    warm: warmEveryday,
    standby: standbyEveryday,
  },
];

/** What commands find in the environment of every entry. */
export const catalogEnv: readonly string[] = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  // Without it, tools take names and texts for ASCII.
  "LANG=C.UTF-8",
];

/** Counts changes to how entries are built that their packages and variables do not show. */
const recipeVersion = 4;

/** Tells what an entry is built from; another recipe makes another image. */
export function recipeOf({ suite, packages }: CatalogEntry): string {
  const parts = JSON.stringify([recipeVersion, suite, packages, catalogEnv]);
  return createHash("sha256").update(parts).digest("hex").slice(0, 16);
}

/** The entry called `name`, or undefined. */
export function findCatalogEntry(name: string): CatalogEntry | undefined {
  return catalog.find((entry) => entry.name === name);
}

/** What a machine of an environment is to run before somebody's first command; of one that the catalog does not have, a shell. */
export function commandsOf(
  environment: string,
  purpose: "warm" | "standby",
): readonly (readonly string[])[] {
  return findCatalogEntry(environment)?.[purpose] ?? [["sh", "-c", "true"]];
}

/** Whether the catalog builds this environment otherwise by now. */
export function isOutdated({ environment, source }: InstalledImage): boolean {
  const entry = findCatalogEntry(environment);
  return entry !== undefined && source.kind === "debian" && source.recipe !== recipeOf(entry);
}
