import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { scratchDirectory } from "../support/home.ts";
import { startProcess } from "../support/process.ts";
import { conformanceProgram } from "./packages.ts";

/** What one scenario came to. */
export interface Outcome {
  readonly scenario: string;
  /** How many of its own checks found what they look for. */
  readonly passedCount: number;
  /** What each failing check says. */
  readonly failures: ReadonlyMap<string, string>;
}

interface Check {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "INFO" | "SKIPPED";
  readonly errorMessage?: string;
}

/** Made in every scenario, of each message that went over the wire. */
const wireCheck = /^wire-schema-/;

/** Runs every scenario that the suite has for servers of a revision; extensions are apart. */
export async function runSuite(url: string, revision: string): Promise<Outcome[]> {
  const results = scratchDirectory();
  const options = ["--url", url, "--spec-version", revision, "--suite", "all"];
  const command = [process.execPath, conformanceProgram, "server", ...options, "-o", results];
  const { stdout, stderr } = await startProcess(command, { env: {} }).ended;
  const told = [...stdout.matchAll(/^[✓✗] ([\w-]+): \d+ passed, \d+ failed$/gm)];
  const directories = readdirSync(results);
  return told.map(([, scenario = ""]) => {
    // `server-NAME-TIME`
    const directory = directories.find(
      (name) => name.replace(/-\d{4}-\d\d-\d\dT.*$/, "") === `server-${scenario}`,
    );
    if (directory === undefined) throw new TypeError(`no result of ${scenario}: ${stderr}`);
    return outcomeOf(scenario, readFileSync(join(results, directory, "checks.json"), "utf8"));
  });
}

function outcomeOf(scenario: string, json: string): Outcome {
  const checks = JSON.parse(json) as Check[];
  const passed = checks.filter(({ id, status }) => status === "SUCCESS" && !wireCheck.test(id));
  const failed = checks.filter(({ status }) => status === "FAILURE");
  return {
    scenario,
    passedCount: passed.length,
    failures: new Map(failed.map(({ id, errorMessage }) => [id, errorMessage ?? ""])),
  };
}
