import { chmodSync, existsSync, renameSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { PyroError } from "../model/errors.ts";
import { temporaryNeighbour } from "../platform/files.ts";
import { namingFullDatabase, noRoomFor } from "../platform/full-database.ts";
import { migrations } from "./migrations.ts";

/** How long a writer waits for another process's transaction. */
const busyTimeoutMs = 10_000;
/** How long a reader waits, whom only the end of another program can hold up for a moment. */
const lookTimeoutMs = 50;
const fileName = "registry.sqlite";

/** Values of a statement's named parameters. */
export type Parameters = Record<string, string | number | null>;

export type Row = Record<string, unknown>;

/** Runs one statement and answers how many rows it changed. */
export type Run = (sql: string, parameters?: Parameters) => number;

export interface RegistryOptions {
  /** Whether to go on writing after a newer pyro migrated it, which only ever adds to what is kept of workspaces. Default false. */
  readonly outlivesMigrations?: boolean;
}

/** What pyro remembers between processes. */
export class Registry implements Disposable {
  readonly #database: DatabaseSync;
  /** By their text, which is one of those in our code. */
  readonly #statements = new Map<string, StatementSync>();

  readonly #outlivesMigrations: boolean;

  private constructor(database: DatabaseSync, { outlivesMigrations = false }: RegistryOptions) {
    this.#database = database;
    this.#outlivesMigrations = outlivesMigrations;
  }

  /** Opens the registry in `stateDirectory`, bringing it to this version's schema. */
  static open(stateDirectory: string, options: RegistryOptions = {}): Registry {
    const path = join(stateDirectory, fileName);
    const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
    try {
      // Even the journal's mode is written to the file.
      refuseNewer(database, path);
      database.exec(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
      );
      migrate(database, path);
      return new Registry(database, options);
    } catch (error) {
      database.close();
      throw registryError(error, path);
    }
  }

  /**
   * Opens it to look something up: nothing is created, migrated or waited for. Undefined when there is none, it is another
   * pyro's, or it cannot be read now.
   */
  static openToRead(stateDirectory: string): Registry | undefined {
    const path = join(stateDirectory, fileName);
    if (!existsSync(path)) return undefined;
    const database = new DatabaseSync(path, { readOnly: true, timeout: lookTimeoutMs });
    try {
      if (schemaVersion(database) === migrations.length) return new Registry(database, {});
    } catch {
      // Whoever needs it says what is wrong with it.
    }
    database.close();
    return undefined;
  }

  /** All rows of a query. */
  all(sql: string, parameters: Parameters = {}): Row[] {
    return this.#naming(() => this.#prepared(sql).all(parameters));
  }

  /** Runs `work` as one transaction. It takes the write lock at once: upgrading a reader fails without waiting. */
  write<T>(work: (run: Run) => T): T {
    return this.#naming(() => this.#transaction(work));
  }

  #transaction<T>(work: (run: Run) => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      // Another process may have brought it to its own, newer schema since we opened it.
      if (!this.#outlivesMigrations) refuseNewer(this.#database, String(this.#database.location()));
      const result = work((sql, parameters = {}) =>
        Number(this.#prepared(sql).run(parameters).changes),
      );
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      // A full disk has ended it already.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Reading a statement takes longer than most of them take to run. */
  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const prepared = this.#database.prepare(sql);
    this.#statements.set(sql, prepared);
    return prepared;
  }

  /** A full disk shows in whatever comes first, the beginning of a transaction included. */
  #naming<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw namingFullDatabase(error, String(this.#database.location()));
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function schemaVersion(database: DatabaseSync): number {
  const row = database.prepare("PRAGMA user_version").get();
  return Number(row?.user_version);
}

/** Applies what is missing as one transaction, after a copy of what was there. */
function migrate(database: DatabaseSync, path: string): void {
  const found = schemaVersion(database);
  if (found === migrations.length) return;
  refuseNewer(database, path);
  if (found > 0) backUp(database, `${path}.v${found}.backup`);
  database.exec("BEGIN IMMEDIATE");
  try {
    // Another process may have migrated while we waited for the lock.
    const current = schemaVersion(database);
    refuseNewer(database, path);
    for (const [index, sql] of migrations.entries()) if (index >= current) database.exec(sql);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

/** A consistent copy, whatever other processes write meanwhile; complete or not there at all. */
function backUp(database: DatabaseSync, path: string): void {
  const temporary = temporaryNeighbour(path);
  database.prepare("VACUUM INTO ?").run(temporary);
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}

function refuseNewer(database: DatabaseSync, path: string): void {
  const found = schemaVersion(database);
  if (found <= migrations.length) return;
  throw new PyroError(
    "registry_schema_too_new",
    `${path} has schema ${found}; this pyro knows ${migrations.length}.`,
    { hint: "Use the newer pyro that wrote it, or point PYRO_STATE_DIR elsewhere." },
  );
}

/** Without room for a file of its journal, SQLite says no more than that it cannot open one. */
function isFull(directory: string): boolean {
  const { bavail, files, ffree } = statfsSync(directory);
  return bavail === 0 || (files > 0 && ffree === 0);
}

function registryError(error: unknown, path: string): unknown {
  if (error instanceof PyroError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isFull(dirname(path))) return noRoomFor(path, error);
  return new PyroError("registry_damaged", `The registry ${path} cannot be used: ${message}.`, {
    hint: `Move it away: mv '${path}' '${path}.old'. Workspaces tell of themselves: pyro workspace list finds them again.`,
    cause: error,
  });
}
