import { z } from "zod";
import { cpuLevels } from "./machine-options.ts";

// Fields that many results share.

export const executionMode = z
  .enum(["guest_vsock", "guest_virtio_serial", "host_compat"])
  .describe("How commands reach the guest.");
export const isolation = z
  .enum(["hardware", "emulated", "none"])
  .describe("What stands between the guest and the host.");
export const cpuLevel = z
  .enum(cpuLevels)
  .describe("x86-64 level of an emulated guest's CPU; with KVM it is the host's own CPU.");
export const timestamp = z.iso.datetime();

export const networkRule = z
  .string()
  .describe("Which rule decided: as written, `preset NAME`, or `default deny KIND`.");

/** Of a command: what its programs were not allowed to reach. */
export const deniedConnectionSchema = z.object({
  host: z.string(),
  port: z.number().int(),
  rule: networkRule,
  count: z.number().int().min(1),
});

/** What a command that was run to its end came to. */
export const commandResult = {
  exitCode: z
    .number()
    .int()
    .min(0)
    .max(255)
    .describe(
      "The command's own; 128 + N when signal N ended it, 124 on time-out, 126 or 127 when it never started.",
    ),
  signal: z.string().nullable().describe("Name of the signal that ended the command, without SIG."),
  timedOut: z.boolean(),
  outOfMemory: z.boolean().describe("The guest's memory limit killed a process of the command."),
  notStarted: z.string().nullable().describe("Why the command never ran; null when it did."),
  hint: z
    .string()
    .nullable()
    .describe("What about the guest explains this end, and the way out; null when nothing does."),
  stdout: z.string(),
  stderr: z.string(),
  stdoutBase64: z.string().nullable().describe("The exact bytes, only when they are not UTF-8."),
  stderrBase64: z.string().nullable(),
  stdoutTruncated: z.boolean(),
  stderrTruncated: z.boolean(),
  durationMs: z.number().min(0).describe("Of the command alone."),
  deniedConnections: z
    .array(deniedConnectionSchema)
    .describe("What its programs were not allowed to reach."),
};
