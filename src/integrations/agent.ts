import type { HostName } from "../index.ts";

/** What a server is to a coding agent: a command line and what is added to its environment. */
export interface ServerEntry {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export type Fields = Readonly<Record<string, unknown>>;

/** An entry in a coding agent's own words. */
export interface EntryFields {
  /** Ours: written whenever they differ. */
  readonly set: Fields;
  /** Written only where the user has not said otherwise. */
  readonly defaults: Fields;
}

/** An entry as it was found. */
export interface FoundEntry extends ServerEntry {
  readonly isEnabled: boolean;
  /** Variables that the coding agent hands on beside its usual ones. */
  readonly forwarded: readonly string[];
}

export type Format = "json" | "jsonc" | "toml";

/** Whom an entry is for. `local` is only ever read: one person in one directory. */
export type PlaceScope = "user" | "project" | "local";
export type Scope = "user" | "project";

/** Where an entry stands. */
export interface Place {
  readonly scope: PlaceScope;
  /** Absolute. */
  readonly path: string;
  readonly format: Format;
  /** The way to the entry inside the file. */
  readonly keyPath: readonly string[];
}

/** Whose configuration it is, and from where. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly home: string;
  readonly currentDirectory: string;
}

/** One coding agent. Everything that tells it from the others stands in its file. */
export interface CodingAgent {
  readonly name: HostName;
  /** For people. */
  readonly title: string;
  /** Its executable, and how people get it. */
  readonly program: string;
  readonly install: string;
  /** How long it waits for a server to start. */
  readonly startTimeoutMs: number;
  /** The newest protocol version it speaks with `initialize`. */
  readonly protocolVersion: string;
  /** What users must know about an entry of a project. */
  readonly projectNote: string;
  /** The place of `scope`. */
  place(scope: Scope, surroundings: Surroundings): Place;
  /** Further places that it reads, which pyro never writes. */
  otherPlaces(surroundings: Surroundings): readonly Place[];
  encode(server: ServerEntry): EntryFields;
  /** Undefined when it is no entry that starts a program. */
  decode(entry: unknown): FoundEntry | undefined;
  /** What its servers find in their environment. */
  serverEnvironment(env: Surroundings["env"], entry: FoundEntry): Record<string, string>;
  /** What an entry must carry so that the server finds the same workspaces as its user. */
  entryEnvironment(env: Surroundings["env"]): Record<string, string>;
  /** Its own commands for entries of the user, where they leave the rest of the file alone. */
  readonly commands?: {
    add(entry: Fields): readonly string[];
    readonly remove: readonly string[];
  };
}

/** The name of our entry. */
export const entryName = "pyro";
