import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PyroError } from "../model/errors.ts";
import { migrations } from "./migrations.ts";

/** How long a writer waits for another process's transaction. */
const busyTimeoutMs = 10_000;
const fileName = "registry.sqlite";

/** What pyro remembers between processes. */
export class Registry implements Disposable {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Opens the registry in `stateDirectory`, bringing it to this version's schema. */
  static open(stateDirectory: string): Registry {
    const path = join(stateDirectory, fileName);
    const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
    try {
      database.exec(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
      );
      migrate(database, path);
      return new Registry(database);
    } catch (error) {
      database.close();
      throw registryError(error, path);
    }
  }

  /** All rows of a query. */
  all(
    sql: string,
    parameters: Record<string, string | number | null> = {},
  ): Record<string, unknown>[] {
    return this.#database.prepare(sql).all(parameters);
  }

  /** Runs `work` as one transaction. It takes the write lock at once: upgrading a reader fails without waiting. */
  write<T>(
    work: (run: (sql: string, parameters?: Record<string, string | number | null>) => number) => T,
  ): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work((sql, parameters = {}) =>
        Number(this.#database.prepare(sql).run(parameters).changes),
      );
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
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

/** Applies what is missing, each migration in a transaction of its own, after a copy of the file. */
function migrate(database: DatabaseSync, path: string): void {
  if (schemaVersion(database) === migrations.length) return;
  refuseNewer(database, path);
  database.exec("BEGIN IMMEDIATE");
  try {
    // Another process may have migrated while we waited for the lock.
    const current = schemaVersion(database);
    refuseNewer(database, path);
    if (current > 0 && current < migrations.length && existsSync(path))
      copyFileSync(path, `${path}.v${current}.backup`);
    for (const [index, sql] of migrations.entries()) if (index >= current) database.exec(sql);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
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

function registryError(error: unknown, path: string): unknown {
  if (error instanceof PyroError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PyroError("registry_damaged", `The registry ${path} cannot be used: ${message}.`, {
    hint: "Move it away to start afresh; machines it knew are found again by pyro doctor.",
    cause: error,
  });
}
