import { z } from "zod";

/** The coding agents that pyro can be connected to. */
export const hostNames = ["claude-code", "codex", "opencode"] as const;

const host = z.enum(hostNames);
const path = z.string().describe("The configuration file, absolute.");

export const hostConnectionSchema = z.object({
  host,
  scope: z.enum(["user", "project"]),
  path,
  action: z
    .enum(["connected", "updated", "unchanged", "disconnected", "absent"])
    .describe("What was done; absent: there was nothing to disconnect."),
  command: z.array(z.string()).describe("What the coding agent starts; empty when disconnected."),
  backupPath: z.string().nullable().describe("The file as it was before; null when none was kept."),
  notes: z.array(z.string()).describe("What is left for people to know or do."),
});

export const hostRepairSchema = z.object({ connections: z.array(hostConnectionSchema) });

export const hostConfigurationSchema = z.object({
  host,
  scope: z.enum(["user", "project"]),
  path,
  format: z.enum(["json", "jsonc", "toml"]),
  text: z.string().describe("What to put into the file."),
  command: z.array(z.string()),
});

export const hostCheckSchema = z.object({
  name: z.string(),
  status: z.enum(["ok", "warn", "fail", "skip"]),
  message: z.string(),
  fix: z.string().nullable().describe("The command that mends it."),
});

export const hostDiagnosisSchema = z.object({
  host,
  title: z.string(),
  version: z.string().nullable().describe("What its program says; null when it is not installed."),
  connected: z.boolean(),
  toolCount: z.number().int().min(0).nullable().describe("Null when the server did not answer."),
  checks: z.array(hostCheckSchema),
});

export const hostReportSchema = z.object({
  healthy: z.boolean().describe("Whether every connected coding agent can use pyro."),
  hosts: z.array(hostDiagnosisSchema),
});

export type HostName = z.infer<typeof host>;
export type HostConnection = z.infer<typeof hostConnectionSchema>;
export type HostConfiguration = z.infer<typeof hostConfigurationSchema>;
export type HostCheck = z.infer<typeof hostCheckSchema>;
export type HostDiagnosis = z.infer<typeof hostDiagnosisSchema>;
export type HostReport = z.infer<typeof hostReportSchema>;
