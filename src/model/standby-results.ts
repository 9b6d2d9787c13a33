import { z } from "zod";
import { cpuLevel, timestamp } from "./result-fields.ts";

const costFields = {
  readyAt: timestamp,
  endsAt: timestamp.describe("When it ends unless somebody claims it."),
  pssBytes: z
    .number()
    .int()
    .min(0)
    .nullable()
    .describe("Memory of the host, pages shared with others counted in part."),
  cpuPercent: z.number().min(0).describe("Of one core, since it waits."),
};

export const standbySchema = z.object({
  environment: z.string(),
  vcpuCount: z.number().int(),
  memMib: z.number().int(),
  cpu: cpuLevel,
  keeper: z.string().describe("Who has it wait: user, or an MCP server by its process."),
  ...costFields,
});

export const standbyStatusSchema = z.object({
  isOn: z.boolean().describe("Whether commands have another one made ready when they end."),
  environment: z.string().nullable().describe("Null: whatever was last asked for."),
  count: z.number().int().min(0),
  idleMinutes: z.number().int().min(0),
  heldBack: z.string().nullable().describe("Why fewer wait than are wanted."),
  standbys: z.array(standbySchema),
  commandLine: z
    .object(costFields)
    .nullable()
    .describe("The process that has the command line loaded and waits for the next `pyro run`."),
});

export const standbyEndedSchema = z.object({ endedCount: z.number().int().min(0) });

export type StandbyStatus = z.infer<typeof standbyStatusSchema>;
export type StandbyEnded = z.infer<typeof standbyEndedSchema>;
