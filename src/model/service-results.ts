import { z } from "zod";
import { deniedConnectionSchema, timestamp } from "./result-fields.ts";
import { serviceStates } from "./service-definition.ts";

// Results about services and published ports; results.ts says how they become types, JSON and MCP schemas.

const count = z.number().int().min(0);
const workspaceId = z.string();

export const serviceStateSchema = z
  .enum(serviceStates)
  .describe("exited: by itself, with 0. failed: otherwise, never started, or not ready in time.");

export const publishedPortSchema = z.object({
  host: z.string().describe("The address it listens on: this machine alone reaches it."),
  hostPort: count,
  guestPort: count,
  protocol: z.enum(["tcp"]),
  url: z.string().describe("For a browser, should an HTTP server be behind it."),
  service: z.string().nullable().describe("With whose end it ends; null: until unpublished."),
});

export const readinessKindSchema = z.enum(["none", "file", "tcp", "http", "command", "log"]);

export const serviceSchema = z.object({
  name: z.string(),
  state: serviceStateSchema,
  reason: z.string().nullable().describe("Why it is in this state, where that needs saying."),
  command: z.array(z.string()),
  cwd: z.string(),
  readiness: z.object({
    kind: readinessKindSchema,
    target: z.string().nullable(),
    ready: z.boolean(),
    lastProbe: z.string().nullable().describe("What the last look saw that found it not ready."),
  }),
  startedAt: timestamp.nullable(),
  readyAt: timestamp.nullable(),
  endedAt: timestamp.nullable(),
  exitCode: z
    .number()
    .int()
    .nullable()
    .describe("Of the end that came last; 126 or 127 when it never started."),
  signal: z.string().nullable(),
  outOfMemory: z.boolean(),
  restart: z.enum(["no", "on-failure"]),
  restartCount: count,
  publishedPorts: z.array(publishedPortSchema),
});

const deniedConnections = z
  .array(deniedConnectionSchema)
  .describe("What its programs were not allowed to reach up to now, and still are not.");

export const workspaceServiceSchema = z.object({
  workspaceId,
  ...serviceSchema.shape,
  deniedConnections,
});
export const serviceListSchema = z.object({ workspaceId, services: z.array(serviceSchema) });

export const serviceLogLineSchema = z.object({
  at: timestamp,
  stream: z.enum(["stdout", "stderr"]),
  text: z.string().describe("Without the line break."),
});

export const serviceLogsSchema = z.object({
  workspaceId,
  name: z.string(),
  state: serviceStateSchema,
  lines: z.array(serviceLogLineSchema).describe("Both streams, in the order in which they came."),
  stdout: z.string(),
  stderr: z.string(),
  truncated: z.boolean().describe("Whether there are earlier lines than these."),
  droppedBytes: count.describe("Missing because the guest's disk was full."),
  nextCursor: count.describe("Where to read on."),
  deniedConnections,
});

export const portListSchema = z.object({ workspaceId, ports: z.array(publishedPortSchema) });
export const portPublishedSchema = z.object({ workspaceId, ...publishedPortSchema.shape });
export const portUnpublishedSchema = z.object({
  workspaceId,
  hostPort: count,
  unpublished: z.boolean().describe("False when it was not published."),
});

export type PublishedPort = z.infer<typeof publishedPortSchema>;
export type ReadinessKind = z.infer<typeof readinessKindSchema>;
export type Service = z.infer<typeof serviceSchema>;
export type WorkspaceService = z.infer<typeof workspaceServiceSchema>;
export type ServiceList = z.infer<typeof serviceListSchema>;
export type ServiceLogLine = z.infer<typeof serviceLogLineSchema>;
export type ServiceLogs = z.infer<typeof serviceLogsSchema>;
export type PortList = z.infer<typeof portListSchema>;
export type PortPublished = z.infer<typeof portPublishedSchema>;
export type PortUnpublished = z.infer<typeof portUnpublishedSchema>;
