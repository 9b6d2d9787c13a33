import { z } from "zod";
import { egressPresets } from "./egress.ts";
import { networkPolicies } from "./machine-options.ts";
import { deniedConnectionSchema, networkRule as rule, timestamp } from "./result-fields.ts";

// Results about the network; results.ts says how they become types, JSON and MCP schemas.

const count = z.number().int().min(0);
const bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const workspaceId = z.string();
const verdict = z.enum(["allow", "deny"]);

const policyFields = {
  networkPolicy: z.enum(networkPolicies),
  preset: z.enum(egressPresets),
  rules: z.array(z.string()).describe("Denials come first, whatever their place."),
};

export const networkSchema = z.object({
  workspaceId,
  ...policyFields,
  temporaryRules: z.array(z.object({ rule: z.string(), until: timestamp })),
  ownRegistries: z
    .array(z.string())
    .describe(
      "HOST:PORT that this machine's package managers named as their index when the rules last changed; with the registries.",
    ),
  projectFile: z
    .object({
      only: z.array(z.string()).nullable().describe("Nothing else is reached; null: not said."),
      deny: z.array(z.string()),
    })
    .nullable()
    .describe(
      "What .pyro.toml of the seeded tree refuses, whatever is allowed beside; null without one.",
    ),
  proxies: z
    .array(z.string())
    .describe(
      "HOST:PORT of this machine's proxies by which it is let out, as they were when it was last started.",
    ),
  warnings: z.array(z.string()).describe("Rules that do nothing, or more than they seem to."),
});

export const networkCheckSchema = z.object({
  workspaceId,
  host: z.string(),
  port: count,
  verdict,
  rule,
  reason: z.string(),
  addresses: z
    .array(z.object({ address: z.string(), verdict, rule, reason: z.string() }))
    .describe("What the host is now; empty where the name alone is denied."),
  proxy: z
    .string()
    .nullable()
    .describe("HOST:PORT of the proxy by which it is reached; null for directly, or not at all."),
});

export const networkConnectionSchema = z.object({
  connectionId: count,
  at: timestamp,
  source: z
    .string()
    .nullable()
    .describe("command:SEQUENCE, service:NAME or shell:ID; null when the guest could not tell."),
  program: z.string(),
  host: z.string(),
  port: count,
  address: z.string().nullable(),
  verdict,
  rule,
  reason: z.string(),
  count: count.describe("How often; of denied ones."),
  endedAt: timestamp.nullable().describe("Null while it is open."),
  failure: z.string().nullable().describe("Why an allowed one was not made."),
  sentBytes: bytes,
  receivedBytes: bytes,
});

export const networkLogSchema = z.object({
  workspaceId,
  connections: z.array(networkConnectionSchema),
});

/** Over everything that a workspace did. */
export const deniedSummarySchema = deniedConnectionSchema.extend({
  sources: z
    .array(z.string())
    .describe(
      "What tried: command:SEQUENCE, service:NAME or shell:ID, as far as the guest could tell.",
    ),
  programs: z.array(z.string()),
  stillDenied: z.boolean().describe("False where the rules allow it by now."),
});

export type DeniedSummary = z.infer<typeof deniedSummarySchema>;
export type DeniedConnection = z.infer<typeof deniedConnectionSchema>;
export type WorkspaceNetwork = z.infer<typeof networkSchema>;
export type NetworkCheck = z.infer<typeof networkCheckSchema>;
export type NetworkConnection = z.infer<typeof networkConnectionSchema>;
export type NetworkLog = z.infer<typeof networkLogSchema>;
