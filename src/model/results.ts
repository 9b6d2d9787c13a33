import { z } from "zod";
import { egressPresets } from "./egress.ts";
import { commandResult, cpuLevel, executionMode, isolation, timestamp } from "./result-fields.ts";

// One declaration per result: the SDK's types, the CLI's JSON and the MCP output schemas all come from here.
// Field names are camelCase in the SDK and the same words in snake_case on the wire.

const bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const runResultSchema = z.object({
  environment: z.string(),
  command: z.array(z.string()),
  ...commandResult,
  driver: z.string(),
  executionMode,
  isolation,
});

export const environmentSchema = z.object({
  environment: z.string(),
  summary: z.string().nullable(),
  installed: z.boolean(),
  outdated: z
    .boolean()
    .describe("The catalog builds it otherwise by now; pulling it builds it anew."),
  source: z.string().describe("Distribution archive and suite, or OCI reference with digest."),
  imageId: z.string().nullable(),
  createdAt: timestamp.nullable(),
  diskBytes: bytes.nullable().describe("Room it takes on the host."),
});

export const environmentListSchema = z.object({ environments: z.array(environmentSchema) });

export const environmentDetailSchema = environmentSchema.extend({
  entryCount: z.number().int().min(0).nullable(),
  usedBytes: bytes.nullable(),
  cpu: cpuLevel
    .nullable()
    .describe("What an emulated guest's CPU is unless asked otherwise; null until installed."),
  env: z.array(z.string()),
  workingDirectory: z.string().nullable(),
  user: z.string().nullable(),
  entrypoint: z.array(z.string()).nullable().describe("Recorded, never run."),
  defaultCommand: z.array(z.string()).nullable().describe("Recorded, never run."),
  packages: z.array(z.string()),
});

export const pullResultSchema = environmentSchema.extend({ alreadyInstalled: z.boolean() });

export const pruneResultSchema = z.object({
  removedImageCount: z.number().int().min(0),
  removedTemplateCount: z.number().int().min(0),
  removedBlobCount: z.number().int().min(0),
  freedBytes: bytes,
});

export const doctorCheckSchema = z.object({
  name: z.string(),
  status: z.enum(["ok", "warn", "fail"]),
  message: z.string(),
  fix: z.string().nullable().describe("The command that mends it."),
});

export const doctorReportSchema = z.object({
  canRunGuests: z.boolean(),
  driver: z.string().nullable(),
  accelerator: z.string().nullable(),
  isolation: isolation.nullable(),
  reason: z.string(),
  checks: z.array(doctorCheckSchema),
});

export const vmSchema = z.object({
  vmId: z.string(),
  environment: z.string(),
  state: z.enum(["created", "starting", "started", "stopped", "failed"]),
  vcpuCount: z.number().int(),
  memMib: z.number().int(),
  cpu: cpuLevel.nullable().describe("Null where the environment decides at the start."),
  network: z.boolean(),
  createdAt: timestamp,
  expiresAt: timestamp,
  driver: z.string().nullable(),
  executionMode: executionMode.nullable(),
  isolation: isolation.nullable(),
  failure: z.string().nullable().describe("Why the VM failed; null in every other state."),
});

export const vmNetworkSchema = z.object({
  vmId: z.string(),
  network: z.boolean(),
  policy: z.enum(["off", "egress"]),
  preset: z
    .enum(egressPresets)
    .nullable()
    .describe("What is reachable where no rule says anything."),
  rules: z.array(z.string()),
  interfaces: z
    .array(z.string())
    .describe("Always empty: guests have no network card, and reach the outside through pyro."),
});

export const vmExecResultSchema = runResultSchema.extend({ vmId: z.string() });

export const deletedSchema = z.object({ vmId: z.string(), deleted: z.boolean() });

export const reapResultSchema = z.object({ reapedVmIds: z.array(z.string()) });

export const demoResultSchema = z.object({
  environment: z.string(),
  exitCode: z.number().int(),
  stdout: z.string(),
  totalMs: z.number(),
  executionMode,
  isolation,
});

export type RunResult = z.infer<typeof runResultSchema>;
export type EnvironmentInfo = z.infer<typeof environmentSchema>;
export type EnvironmentList = z.infer<typeof environmentListSchema>;
export type EnvironmentDetail = z.infer<typeof environmentDetailSchema>;
export type PullResult = z.infer<typeof pullResultSchema>;
export type PruneResult = z.infer<typeof pruneResultSchema>;
export type DoctorCheck = z.infer<typeof doctorCheckSchema>;
export type DoctorReport = z.infer<typeof doctorReportSchema>;
export type Vm = z.infer<typeof vmSchema>;
export type VmNetwork = z.infer<typeof vmNetworkSchema>;
export type VmExecResult = z.infer<typeof vmExecResultSchema>;
export type VmDeleted = z.infer<typeof deletedSchema>;
export type ReapResult = z.infer<typeof reapResultSchema>;
export type DemoResult = z.infer<typeof demoResultSchema>;
