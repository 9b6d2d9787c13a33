import { z } from "zod";
import { PyroError } from "../../model/errors.ts";
import { networkPolicies } from "../../model/machine-options.ts";
import type { Seed } from "../../project/project-source.ts";
import type { SecretSource } from "../../sdk.ts";
import { callText } from "../answers/bulk-answer.ts";
import { type Call, recordTool } from "../tool.ts";
import {
  cpu,
  environment,
  hostPath,
  includeIgnored,
  labels,
  memMib,
  ttlSeconds,
  vcpuCount,
  workspaceId,
} from "./fields.ts";
import { page, pageFields, pageOf } from "./pages.ts";

const name = z.string().min(1).max(63).optional();

export const workspaceCreate = recordTool({
  name: "workspace_create",
  title: "Create workspace",
  description:
    "Create a persistent sandbox VM when work takes more than one command: build, test, debug, review. It starts with a copy of the project in /workspace (or of seed_path), has no network, and lives until workspace_delete, or for ttl_seconds. Answers the workspace_id that all other tools take.",
  input: z.object({
    environment,
    name: name.describe("Unique; usable as workspace_id"),
    seed: z
      .enum(["project", "empty"])
      .optional()
      .describe("Default: project if the server has one"),
    seed_path: hostPath.optional().describe("Instead: host directory, .tar, .tar.gz or .tgz"),
    include_ignored: includeIgnored,
    labels,
    vcpu_count: vcpuCount,
    mem_mib: memMib,
    cpu,
    ttl_seconds: ttlSeconds.describe("Deleted after so long; default never"),
    network_policy: z
      .enum(networkPolicies)
      .optional()
      .describe("egress: internet; published-ports: service_start can publish; default off"),
    secrets: z
      .record(z.string(), z.string())
      .optional()
      .describe('{NAME: host file}; "FILE for HOST": only in requests'),
  }),
  fullOnly: ["network_policy", "secrets"],
  effect: "create",
  profile: "workspace-core",
  isEntry: true,
  result: "workspace",
  extra: { seeded_from: z.string() },
  run: async (input, call) => {
    const seed = await seedOf(input, call);
    const pyro = await call.pyro();
    const workspace = await pyro.createWorkspace({
      environment: input.environment,
      name: input.name,
      labels: input.labels,
      vcpuCount: input.vcpu_count,
      memMib: input.mem_mib,
      cpu: input.cpu,
      ttlSeconds: input.ttl_seconds,
      networkPolicy: input.network_policy,
      secrets: secretsIn(input.secrets, call),
      seedPath: seed?.path,
      respectGitignore: seed?.isDirectory === true && input.include_ignored !== true,
      onProgress: ({ step }) => call.report(step),
      signal: call.signal,
    });
    const id = workspace.workspaceId;
    return {
      value: workspace,
      extra: { seeded_from: seed?.description ?? "nothing" },
      next: callText("workspace_exec", { workspace_id: id, command: "ls" }),
    };
  },
});

/** From files alone: what a model says itself is in its transcript, and what the server's user has is not the model's to lend. */
function secretsIn(given: Readonly<Record<string, string>> = {}, { roots }: Call): SecretSource[] {
  return Object.entries(given).map(([name, text]) => {
    const [, file = text, hosts] = /^(.+) for ([^\s/]+)$/.exec(text) ?? [];
    const source = { name, path: roots.readable(file) };
    return hosts === undefined ? source : { ...source, credential: { hosts: hosts.split(",") } };
  });
}

/** What a new workspace starts from; undefined for nothing. */
async function seedOf(
  input: { seed?: "project" | "empty" | undefined; seed_path?: string | undefined },
  { roots, project, report }: Call,
): Promise<Seed | undefined> {
  if (input.seed_path !== undefined) {
    if (input.seed !== undefined)
      throw new PyroError("invalid_argument", "seed and seed_path exclude each other.", {
        hint: "Give one of them.",
      });
    const path = roots.readable(input.seed_path);
    const isArchive = /\.(tar|tar\.gz|tgz)$/i.test(path);
    return { path, isDirectory: !isArchive, description: path };
  }
  if (input.seed === "empty") return undefined;
  if (project !== undefined) {
    report(`reading ${project.description}`);
    return await project.seed();
  }
  if (input.seed === undefined) return undefined;
  throw new PyroError("invalid_argument", "The server was not started in a project.", {
    hint: 'Use seed_path or seed: "empty".',
  });
}

export const workspaceList = recordTool({
  name: "workspace_list",
  title: "List workspaces",
  description:
    "List workspaces, most recently used first, to find one to go on with. Lists those of earlier sessions too.",
  input: z.object(pageFields("20")),
  effect: "read",
  profile: "workspace-core",
  isEntry: true,
  result: "workspaceList",
  extra: page,
  run: async (input, { pyro }) => {
    const { workspaces } = await (await pyro()).listWorkspaces();
    const { entries, ...where } = pageOf(workspaces, { ...input, limit: input.limit ?? 20 });
    return { value: { workspaces: entries }, extra: where };
  },
});

export const workspaceUpdate = recordTool({
  name: "workspace_update",
  title: "Rename or label workspace",
  description: "Change a workspace's name or labels; nothing else of it changes.",
  input: z.object({
    workspace_id: workspaceId,
    name,
    clear_name: z.boolean().optional(),
    labels: labels.describe("Added to those it has"),
    clear_labels: z.array(z.string()).max(64).optional(),
  }),
  effect: "guest-idempotent",
  profile: "workspace-core",
  result: "workspace",
  run: async (input, { pyro }) => ({
    value: await (await pyro()).updateWorkspace(input.workspace_id, {
      name: input.name,
      clearName: input.clear_name,
      labels: input.labels,
      clearLabels: input.clear_labels,
    }),
  }),
});

export const workspaceStatus = recordTool({
  name: "workspace_status",
  title: "Workspace status",
  description:
    "Look at one workspace: state, size, what it was seeded with, expiry, services, ports, shells, counts of commands and resets.",
  input: z.object({ workspace_id: workspaceId }),
  effect: "read",
  profile: "workspace-core",
  result: "workspace",
  run: async (input, { pyro }) => ({
    value: await (await pyro()).statusWorkspace(input.workspace_id),
  }),
});

export const workspaceReset = recordTool({
  name: "workspace_reset",
  title: "Reset workspace",
  description:
    "Throw away all changes and start over: a new VM with /workspace as it was created, or as in a snapshot. Command history, installed packages and running programs are lost.",
  input: z.object({
    workspace_id: workspaceId,
    snapshot: z.string().min(1).max(200).optional().describe("Default baseline: as created"),
  }),
  effect: "destroy",
  profile: "workspace-core",
  result: "workspace",
  run: async (input, { pyro, signal, report }) => ({
    value: await (await pyro()).resetWorkspace(input.workspace_id, {
      snapshot: input.snapshot,
      onProgress: ({ step }) => report(step),
      signal,
    }),
  }),
});

export const workspaceDelete = recordTool({
  name: "workspace_delete",
  title: "Delete workspace",
  description:
    "Delete a workspace and all that is in it when the work is done. Export first what is to be kept. One that is gone already is no error.",
  input: z.object({ workspace_id: workspaceId }),
  effect: "destroy",
  profile: "workspace-core",
  result: "workspaceDeleted",
  run: async (input, { pyro }) => ({
    value: await (await pyro()).deleteWorkspace(input.workspace_id),
  }),
});

export const workspaceStop = recordTool({
  name: "workspace_stop",
  title: "Stop workspace",
  description:
    "Power a workspace off to free its memory; files, snapshots and history stay, running programs end.",
  input: z.object({ workspace_id: workspaceId }),
  effect: "guest-idempotent",
  profile: "workspace-full",
  result: "workspace",
  run: async ({ workspace_id }, { pyro }) => {
    const value = await (await pyro()).stopWorkspace(workspace_id);
    const start = callText("workspace_start", {
      workspace_id,
      ...(value.serviceCount > 0 && { resume_services: true }),
    });
    return { value, next: `${start} to go on; workspace_disk_list looks at it as it is` };
  },
});

export const workspaceStart = recordTool({
  name: "workspace_start",
  title: "Start workspace",
  description: "Start a stopped or failed workspace again, with its files as they were.",
  input: z.object({
    workspace_id: workspaceId,
    resume_services: z
      .boolean()
      .optional()
      .describe("Also start the services that ran, on their ports"),
  }),
  effect: "guest-idempotent",
  profile: "workspace-full",
  result: "workspace",
  run: async ({ workspace_id, resume_services }, { pyro, signal, report }) => {
    const value = await (await pyro()).startWorkspace(workspace_id, {
      resumeServices: resume_services,
      onProgress: ({ step }) => report(step),
      signal,
    });
    const next = callText("service_list", { workspace_id });
    return { value, ...(value.serviceCount > 0 && { next }) };
  },
});
