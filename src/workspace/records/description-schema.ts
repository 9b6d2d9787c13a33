import { z } from "zod";
import { checkEnvironmentName } from "../../environments/environment-name.ts";
import { closedEgressPolicy, defaultEgressPolicy, egressPresets } from "../../model/egress.ts";
import { emptySeed } from "../../model/empty-seed.ts";
import { defaults, limits } from "../../model/limits.ts";
import { networkPolicies } from "../../model/machine-options.ts";
import { cpuLevel, executionMode, isolation, timestamp } from "../../model/result-fields.ts";
import { serviceStates } from "../../model/service-definition.ts";
import { checkLabels, checkName } from "../../model/workspace-names.ts";
import { workspaceSeedSchema, workspaceStateSchema } from "../../model/workspace-results.ts";
import { parseRule, targetRule } from "../../network/rule.ts";

// A workspace's description as it is read: by somebody's hand it may say anything. Only the environment must be there, so
// that one can be written for a workspace whose own is lost. Apart, because it is rarely needed and its library is large.

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const word = z.string().regex(/^[\w.-]{0,127}$/);

const processSchema = z.object({
  pid: z.number().int().min(2),
  startTicks: z.string().regex(/^\d{1,20}$/),
  bootId: z.string().max(64),
});

const workSchema = z.object({
  worker: processSchema,
  snapshot: word.exactOptional(),
  resetCount: count.exactOptional(),
  isSwitched: z.boolean().exactOptional(),
});

/** What `check` throws at is not accepted. */
function accepted<T>(check: (value: T) => unknown): (value: T) => boolean {
  return (value) => {
    try {
      check(value);
      return true;
    } catch {
      return false;
    }
  };
}

const port = z.number().int().min(1).max(65_535);
const text = z.string().max(8192);

const readinessSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("none") }),
  z.object({ kind: z.literal("file"), path: text }),
  z.object({ kind: z.literal("tcp"), address: text }),
  z.object({ kind: z.literal("http"), url: text }),
  z.object({ kind: z.literal("command"), command: z.array(z.string()).min(1) }),
  z.object({ kind: z.literal("log"), text }),
]);

const definitionSchema = z.object({
  command: z.array(z.string()).min(1),
  cwd: text,
  env: z.record(z.string(), z.string()),
  secretEnv: z.record(z.string(), z.string()).exactOptional(),
  readiness: readinessSchema,
  readyTimeoutMs: count.min(1),
  readyIntervalMs: count.min(limits.readyIntervalMsMin),
  stopGraceMs: count,
  restart: z.enum(["no", "on-failure"]),
  publishedPorts: z.array(
    z.object({ guestPort: port, hostPort: z.number().int().min(0).max(65_535).exactOptional() }),
  ),
});

const serviceSchema = z.object({
  name: word.min(1),
  state: z.enum(serviceStates),
  reason: z.string().nullable(),
  startedAt: timestamp.nullable(),
  readyAt: timestamp.nullable(),
  endedAt: timestamp.nullable(),
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  outOfMemory: z.boolean(),
  restartCount: count,
  lastProbe: z.string().nullable(),
  definition: definitionSchema,
  isResumable: z.boolean(),
});

const portSchema = z.object({ hostPort: port, guestPort: port, service: word.nullable() });

const name = z.string().refine(accepted((text: string) => checkName(text, "workspace")));
const labels = z.record(z.string(), z.string()).refine(accepted(checkLabels));
const projectTargets = z
  .array(z.string().refine(accepted((text: string) => targetRule("deny", text))))
  .max(limits.networkRulesMax)
  .readonly();
const egressSchema = z.object({
  preset: z.enum(egressPresets),
  rules: z
    .array(z.string().refine(accepted(parseRule)))
    .max(limits.networkRulesMax)
    .readonly(),
  temporaryRules: z
    .array(z.object({ rule: z.string().refine(accepted(parseRule)), until: timestamp }))
    .max(limits.networkRulesMax)
    .readonly()
    .default([]),
  ownRegistries: z
    .array(z.string().regex(/^[a-z0-9_.-]{1,253}:\d{1,5}$/))
    .max(limits.ownRegistriesMax)
    .readonly()
    .default([])
    .catch([]),
  project: z
    .object({ only: projectTargets.nullable(), deny: projectTargets })
    .nullable()
    .default(null),
});
const now = () => new Date().toISOString();

export const describedSchema = z.object({
  version: z.literal(1),
  workspaceId: z.string(),
  // What it is found by is not worth losing it for.
  name: name.nullable().catch(null),
  labels: labels.catch({}),
  environment: z.string().refine(accepted(checkEnvironmentName)),
  imageId: word.nullable(),
  state: workspaceStateSchema.default("stopped"),
  failure: z.string().nullable().default(null),
  work: workSchema.nullable().default(null),
  driver: word.default(""),
  executionMode: executionMode.default("host_compat"),
  isolation: isolation.default("none"),
  networkPolicy: z.enum(networkPolicies).default("off"),
  // A policy that cannot be read allows nothing.
  egress: egressSchema.default(defaultEgressPolicy).catch(closedEgressPolicy),
  vcpuCount: z.number().int().min(1).max(limits.vcpuCountMax).default(defaults.vcpuCount),
  memMib: z.number().int().min(1).max(limits.memMibMax).default(defaults.memMib),
  cpu: cpuLevel.nullable().default(defaults.cpu),
  createdAt: timestamp.default(now),
  lastActivityAt: timestamp.default(now),
  expiresAt: timestamp.nullable().default(null),
  deadline: z
    .object({ bootId: z.string().max(64), uptimeMs: count })
    .nullable()
    .default(null),
  workspaceSeed: workspaceSeedSchema
    .extend({ warnings: workspaceSeedSchema.shape.warnings.default([]) })
    .default(emptySeed),
  baselineMark: z
    .string()
    .regex(/^\d{1,20}$/)
    .nullable()
    .default(null),
  resetCount: count.default(0),
  lastResetAt: timestamp.nullable().default(null),
  commandCount: count.default(0),
  process: processSchema.nullable().default(null),
  revision: count.default(0),
  snapshots: z
    .array(z.object({ name: word, createdAt: timestamp, storedBytes: count }))
    .default([]),
  // Neither is worth losing a workspace for.
  services: z.array(serviceSchema).default([]).catch([]),
  ports: z.array(portSchema).default([]).catch([]),
});
