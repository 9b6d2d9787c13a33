import { z } from "zod";
import { callText } from "../answers/bulk-answer.ts";
import { recordTool } from "../tool.ts";
import { workspaceId } from "./fields.ts";

const name = z.string().min(1).max(63).describe("Letters, digits, . _ -");

export const snapshotCreate = recordTool({
  name: "snapshot_create",
  title: "Create snapshot",
  description:
    "Keep /workspace as it is now under a name, before a risky step; workspace_reset brings it back.",
  input: z.object({ workspace_id: workspaceId, name }),
  effect: "create",
  profile: "workspace-full",
  result: "snapshotCreated",
  run: async (input, { pyro, signal }) => ({
    value: await (await pyro()).createSnapshot(input.workspace_id, input.name, { signal }),
    next: `To go back: ${callText("workspace_reset", { workspace_id: input.workspace_id, snapshot: input.name })}`,
  }),
});

export const snapshotList = recordTool({
  name: "snapshot_list",
  title: "List snapshots",
  description: "List a workspace's snapshots; baseline is /workspace as it was created.",
  input: z.object({ workspace_id: workspaceId }),
  effect: "read",
  profile: "workspace-full",
  result: "snapshotList",
  run: async (input, { pyro }) => ({
    value: await (await pyro()).listSnapshots(input.workspace_id),
  }),
});

export const snapshotDelete = recordTool({
  name: "snapshot_delete",
  title: "Delete snapshot",
  description: "Delete one snapshot; the workspace stays as it is. The baseline cannot be deleted.",
  input: z.object({ workspace_id: workspaceId, name }),
  effect: "destroy",
  profile: "workspace-full",
  result: "snapshotDeleted",
  run: async (input, { pyro, signal }) => ({
    value: await (await pyro()).deleteSnapshot(input.workspace_id, input.name, { signal }),
  }),
});
