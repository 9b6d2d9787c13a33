import { z } from "zod";
import { limits } from "../../model/limits.ts";
import { cpuLevels } from "../../model/machine-options.ts";
import { outputCharactersMax, outputCharactersMin } from "../answers/bulk-answer.ts";

// Arguments that tools share, each with one spelling. Ranges and defaults are said in words: most clients drop the keywords.

/** A call that takes longer is taken back by some clients. */
export const waitSecondsMax = 50;
export const waitSecondsDefault = 30;

const identifierMax = 200;
const pathMax = 4096;

export const workspaceId = z.string().min(1).max(identifierMax).describe("Id or name");

export const vmId = z.string().min(1).max(identifierMax);

export const environment = z
  .string()
  .min(1)
  .max(1024)
  .default("debian:12")
  .describe(
    "debian:12 (default: git, python3, curl, ripgrep), debian:12-build (compilers), debian:13 or any OCI image",
  );

export const command = z
  .union([z.string().min(1), z.array(z.string()).min(1)], {
    error: "must be a shell line, or a list of program and arguments",
  })
  .describe("Shell line for sh -c, or program and arguments");

export const secretEnv = z
  .record(z.string(), z.string())
  .optional()
  .describe("Secrets of the workspace as variables: {NAME: VARIABLE}");

export const vcpuCount = z
  .number()
  .int()
  .min(1)
  .max(limits.vcpuCountMax)
  .optional()
  .describe("1-64, default 1");

export const memMib = z
  .number()
  .int()
  .min(limits.memMibMin)
  .max(limits.memMibMax)
  .optional()
  .describe("From 256, default 1024");

export const cpu = z.enum(cpuLevels).optional().describe("v3: AVX2, if emulated");

export const network = z.boolean().optional().describe("Reach the internet; default false");

export const ttlSeconds = z.number().positive().max(limits.ttlSecondsMax).optional();

/** Of a command that the call waits for. */
export const shortTimeoutSeconds = z
  .number()
  .positive()
  .max(waitSecondsMax)
  .optional()
  .describe("Limit for the command: at most 50, default 30");

export const waitSeconds = z.number().min(0).max(waitSecondsMax).optional();

export const maxOutputChars = z
  .number()
  .int()
  .min(outputCharactersMin)
  .max(outputCharactersMax)
  .optional()
  .describe("200-40000, default 8000");

export const guestPath = z
  .string()
  .min(1)
  .max(pathMax)
  .describe("Relative to /workspace, or absolute");

export const hostPath = z.string().min(1).max(pathMax);

export const labels = z.record(z.string(), z.string()).optional();

export const includeIgnored = z
  .boolean()
  .optional()
  .describe("Also copy what .gitignore names (e.g. node_modules); default false");

/** Program and arguments of a command in either form. */
export function programOf(given: z.infer<typeof command>): readonly string[] {
  return typeof given === "string" ? ["sh", "-c", given] : given;
}
