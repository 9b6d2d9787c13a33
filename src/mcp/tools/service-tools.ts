import { z } from "zod";
import { asPyroError, PyroError } from "../../model/errors.ts";
import { limits } from "../../model/limits.ts";
import type { PortToPublish, Readiness, ServiceLogs, WorkspaceService } from "../../sdk.ts";
import { bulkAnswer, callText, count } from "../answers/bulk-answer.ts";
import { networkWish } from "../answers/network-wish.ts";
import { excerptOf } from "../answers/output-collector.ts";
import { bulkTool, type Call, recordTool } from "../tool.ts";
import { deniedFacts, deniedIn, linesText } from "./denied-text.ts";
import {
  command,
  guestPath,
  maxOutputChars,
  programOf,
  secretEnv,
  waitSecondsMax,
  workspaceId,
} from "./fields.ts";

const name = z.string().min(1).max(63).describe("Letters, digits, . _ -");
const text = z.string().min(1).max(4096).optional();

const readiness = z
  .object({ http: text, tcp: text, log: text, file: text, command: text })
  .optional()
  .describe(
    'One of http (URL of the guest: "http://localhost:8000/"), tcp ("localhost:8000"), log (text in a line), file, command (shell line). Default: ready once it runs',
  );

const publish = z
  .array(z.union([z.number().int(), z.string()]))
  .max(20)
  .optional()
  .describe('Guest ports to reach from the host: 8000, or "8080:8000" for host port 8080');

export const serviceStart = recordTool({
  name: "service_start",
  title: "Start service",
  description:
    "Start a server or other program that keeps running, and wait until it is ready. Answers state, ports and URL, or fails with its last lines.",
  input: z.object({
    workspace_id: workspaceId,
    name,
    command,
    cwd: guestPath.optional(),
    env: z.record(z.string(), z.string()).optional(),
    secret_env: secretEnv,
    readiness,
    ready_timeout_seconds: z
      .number()
      .positive()
      .max(limits.readyTimeoutSecondsMax)
      .optional()
      .describe("Default 30"),
    ready_interval_ms: z
      .number()
      .int()
      .min(limits.readyIntervalMsMin)
      .max(limits.readyIntervalMsMax)
      .optional()
      .describe("Default 500"),
    restart: z.enum(["no", "on-failure"]).optional(),
    publish,
  }),
  effect: "guest",
  profile: "workspace-full",
  result: "service",
  run: async (input, call) => {
    const at = { workspace_id: input.workspace_id, name: input.name };
    const value = await started(input, call);
    const look = value.state === "starting" ? "service_status" : "service_logs";
    return { value, next: callText(look, at) };
  },
});

interface StartInput {
  readonly workspace_id: string;
  readonly name: string;
  readonly command: z.infer<typeof command>;
  readonly cwd?: string | undefined;
  readonly env?: Record<string, string> | undefined;
  readonly secret_env?: Record<string, string> | undefined;
  readonly readiness?: z.infer<typeof readiness>;
  readonly ready_timeout_seconds?: number | undefined;
  readonly ready_interval_ms?: number | undefined;
  readonly restart?: "no" | "on-failure" | undefined;
  readonly publish?: z.infer<typeof publish>;
}

/** The service once it is ready, or as it is when a call has waited as long as clients let it. */
async function started(input: StartInput, call: Call): Promise<WorkspaceService> {
  const pyro = await call.pyro();
  const { workspace_id: id, name: called } = input;
  const waiting = AbortSignal.timeout(waitSecondsMax * 1000);
  try {
    return await pyro.startService(id, called, {
      command: programOf(input.command),
      cwd: input.cwd,
      env: input.env,
      secretEnv: input.secret_env,
      readiness: readinessOf(input.readiness),
      readyTimeoutSeconds: input.ready_timeout_seconds,
      readyIntervalMs: input.ready_interval_ms,
      restart: input.restart,
      publishedPorts: input.publish?.map(portOf),
      signal: AbortSignal.any([call.signal, waiting]),
    });
  } catch (error) {
    const isStillStarting = waiting.aborted && !call.signal.aborted;
    if (!isStillStarting || asPyroError(error).code !== "cancelled") throw error;
    return await pyro.statusService(id, called);
  }
}

function readinessOf(given: z.infer<typeof readiness>): Readiness | undefined {
  const asked = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  const [first, ...others] = asked;
  if (first === undefined) return undefined;
  if (others.length > 0)
    throw new PyroError("invalid_argument", "readiness has more than one way to be ready.", {
      hint: "Give one of http, tcp, log, file and command.",
    });
  const [kind, value] = first as [keyof NonNullable<typeof given>, string];
  switch (kind) {
    case "http":
      return { kind, url: value };
    case "tcp":
      return { kind, address: value };
    case "log":
      return { kind, text: value };
    case "file":
      return { kind, path: value };
    case "command":
      return { kind, command: ["sh", "-c", value] };
  }
}

function portOf(given: number | string): PortToPublish {
  const [, host, guest] = /^(?:(\d{1,5}):)?(\d{1,5})$/.exec(String(given)) ?? [];
  if (guest === undefined)
    throw new PyroError("invalid_argument", `publish: ${JSON.stringify(given)} is no port.`, {
      hint: 'Use 8000 for a port of the guest, or "8080:8000" with the host\'s before it.',
    });
  return { guestPort: Number(guest), ...(host !== undefined && { hostPort: Number(host) }) };
}

export const serviceList = recordTool({
  name: "service_list",
  title: "List services",
  description: "List a workspace's services with their state, exit code and published ports.",
  input: z.object({ workspace_id: workspaceId }),
  effect: "read",
  profile: "workspace-full",
  result: "serviceList",
  run: async (input, { pyro }) => ({
    value: await (await pyro()).listServices(input.workspace_id),
  }),
});

export const serviceStatus = recordTool({
  name: "service_status",
  title: "Service status",
  description: "See whether one service runs and is ready, what its last probe saw, how it ended.",
  input: z.object({ workspace_id: workspaceId, name }),
  effect: "read",
  profile: "workspace-full",
  result: "service",
  run: async (input, { pyro }) => {
    const value = await (await pyro()).statusService(input.workspace_id, input.name);
    return {
      value,
      next: deniedIn(input.workspace_id, value),
      wish: networkWish(input.workspace_id, value),
    };
  },
});

export const serviceLogs = bulkTool({
  name: "service_logs",
  title: "Service output",
  description:
    "Read what a service wrote, stdout and stderr in the order they came: its last lines, or with cursor what came since.",
  input: z.object({
    workspace_id: workspaceId,
    name,
    tail_lines: z.number().int().min(1).max(10_000).optional().describe("Default 200"),
    all: z.boolean().optional().describe("All that is kept"),
    cursor: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
    max_output_chars: maxOutputChars,
  }),
  effect: "read",
  profile: "workspace-full",
  run: async (input, { pyro, signal }) => {
    const { workspace_id: id, name: called, tail_lines: tailLines, all, cursor } = input;
    const logs = await (await pyro()).logsService(id, called, { tailLines, all, cursor, signal });
    const at = { workspace_id: id, name: called };
    return bulkAnswer({
      header: (lines) => `${called} is ${logs.state} · ${lines}${earlierText(logs)}`,
      excerpt: excerptOf(
        Buffer.from(logs.lines.map((line) => `${line.text}\n`).join("")),
        "output",
      ),
      charactersMax: input.max_output_chars,
      restOf: () => "give fewer tail_lines, or more max_output_chars",
      footer: linesText([
        deniedIn(id, logs),
        `Next: ${callText("service_logs", { ...at, cursor: logs.nextCursor })} for what comes later`,
      ]),
      wish: networkWish(id, logs),
      facts: {
        ...at,
        state: logs.state,
        next_cursor: logs.nextCursor,
        truncated: logs.truncated,
        ...deniedFacts(logs),
      },
    });
  },
});

function earlierText({ truncated, droppedBytes }: ServiceLogs): string {
  const dropped =
    droppedBytes === 0 ? "" : ` · ${count(droppedBytes, "byte")} lost: the guest's disk was full`;
  return `${truncated ? " · earlier ones left out" : ""}${dropped}`;
}

export const serviceStop = recordTool({
  name: "service_stop",
  title: "Stop service",
  description: "Stop a service and everything it started; its ports are published no more.",
  input: z.object({ workspace_id: workspaceId, name }),
  effect: "guest-idempotent",
  profile: "workspace-full",
  result: "service",
  run: async (input, { pyro, signal }) => ({
    value: await (await pyro()).stopService(input.workspace_id, input.name, { signal }),
  }),
});
