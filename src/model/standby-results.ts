import { z } from "zod";
import { cpuLevel, timestamp } from "./result-fields.ts";

export const standbySchema = z.object({
  environment: z.string(),
  vcpuCount: z.number().int(),
  memMib: z.number().int(),
  cpu: cpuLevel,
  keeper: z.string().describe("Who has it wait: user, or an MCP server by its process."),
  readyAt: timestamp,
  endsAt: timestamp.describe("When it ends unless somebody claims it."),
  pssBytes: z
    .number()
    .int()
    .min(0)
    .nullable()
    .describe("Memory of the host, pages shared with others counted in part."),
  cpuPercent: z.number().min(0).describe("Of one core, since it waits."),
});

export const standbyStatusSchema = z.object({
  isOn: z.boolean().describe("Whether commands have another one made ready when they end."),
  environment: z.string().nullable().describe("Null: whatever was last asked for."),
  count: z.number().int().min(0),
  idleMinutes: z.number().int().min(0),
  heldBack: z.string().nullable().describe("Why fewer wait than are wanted."),
  standbys: z.array(standbySchema),
});

export const standbyEndedSchema = z.object({ endedCount: z.number().int().min(0) });

export type StandbyStatus = z.infer<typeof standbyStatusSchema>;
export type StandbyEnded = z.infer<typeof standbyEndedSchema>;
