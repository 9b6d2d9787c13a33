import { z } from "zod";
import { callText } from "../answers/bulk-answer.ts";
import { OutputCollector } from "../answers/output-collector.ts";
import { bulkTool, recordTool } from "../tool.ts";
import {
  command,
  cpu,
  environment,
  maxOutputChars,
  memMib,
  network,
  programOf,
  shortTimeoutSeconds,
  ttlSeconds,
  vcpuCount,
  vmId,
} from "./fields.ts";
import { keptBytes, runAnswer } from "./run-tools.ts";

export const vmListEnvironments = recordTool({
  name: "vm_list_environments",
  title: "List environments",
  description:
    "List what VMs and workspaces can boot from, and what is installed already. Any OCI image works as well.",
  input: z.object({}),
  effect: "read",
  profile: "workspace-full",
  result: "environmentList",
  run: async (_, { pyro }) => ({ value: await (await pyro()).listEnvironments() }),
});

export const vmCreate = recordTool({
  name: "vm_create",
  title: "Create VM",
  description:
    "Register a one-shot VM, to be started and used once; vm_run does it all in one call. Gone after ttl_seconds.",
  input: z.object({
    environment,
    vcpu_count: vcpuCount,
    mem_mib: memMib,
    cpu,
    network,
    ttl_seconds: ttlSeconds.describe("Default 600"),
  }),
  effect: "create",
  profile: "workspace-full",
  result: "vm",
  run: async (input, { pyro }) => {
    const vm = await (await pyro()).createVm({
      environment: input.environment,
      vcpuCount: input.vcpu_count,
      memMib: input.mem_mib,
      cpu: input.cpu,
      network: input.network,
      ttlSeconds: input.ttl_seconds,
    });
    return { value: vm, next: callText("vm_start", { vm_id: vm.vmId }) };
  },
});

export const vmStart = recordTool({
  name: "vm_start",
  title: "Start VM",
  description: "Boot a created or stopped VM.",
  input: z.object({ vm_id: vmId }),
  effect: "guest",
  profile: "workspace-full",
  result: "vm",
  run: async (input, { pyro, signal, report }) => {
    const vm = await (await pyro()).startVm(input.vm_id, {
      onProgress: ({ step }) => report(step),
      signal,
    });
    return { value: vm, next: callText("vm_exec", { vm_id: vm.vmId, command: "uname -a" }) };
  },
});

export const vmExec = bulkTool({
  name: "vm_exec",
  title: "Run in VM, then delete it",
  description:
    "Run one command in a started VM; the VM is deleted afterwards, however the command ends.",
  input: z.object({
    vm_id: vmId,
    command,
    timeout_seconds: shortTimeoutSeconds,
    max_output_chars: maxOutputChars,
  }),
  effect: "guest",
  profile: "workspace-full",
  run: async (input, { pyro, signal }) => {
    const output = new OutputCollector(keptBytes);
    const push = (chunk: Buffer) => output.push(chunk);
    const result = await (await pyro()).execVm(input.vm_id, {
      command: programOf(input.command),
      timeoutSeconds: input.timeout_seconds,
      onStdout: push,
      onStderr: push,
      signal,
    });
    return runAnswer(result, output, input.max_output_chars);
  },
});

export const vmStop = recordTool({
  name: "vm_stop",
  title: "Stop VM",
  description: "Power a VM off; its disk stays until its TTL.",
  input: z.object({ vm_id: vmId }),
  effect: "guest",
  profile: "workspace-full",
  result: "vm",
  run: async (input, { pyro }) => ({ value: await (await pyro()).stopVm(input.vm_id) }),
});

export const vmDelete = recordTool({
  name: "vm_delete",
  title: "Delete VM",
  description: "End a VM and remove everything of it. One that is gone already is no error.",
  input: z.object({ vm_id: vmId }),
  effect: "destroy",
  profile: "workspace-full",
  result: "deleted",
  run: async (input, { pyro }) => ({ value: await (await pyro()).deleteVm(input.vm_id) }),
});

export const vmStatus = recordTool({
  name: "vm_status",
  title: "VM status",
  description: "Look at one VM: state, size, expiry.",
  input: z.object({ vm_id: vmId }),
  effect: "read",
  profile: "workspace-full",
  result: "vm",
  run: async (input, { pyro }) => ({ value: await (await pyro()).statusVm(input.vm_id) }),
});

export const vmNetworkInfo = recordTool({
  name: "vm_network_info",
  title: "VM network",
  description: "Say what network a VM has: what it may reach, and by which rules.",
  input: z.object({ vm_id: vmId }),
  effect: "read",
  profile: "workspace-full",
  result: "vmNetwork",
  run: async (input, { pyro }) => ({ value: await (await pyro()).networkInfoVm(input.vm_id) }),
});

export const vmReapExpired = recordTool({
  name: "vm_reap_expired",
  title: "Reap expired VMs",
  description: "Delete VMs that are past their TTL, and what crashes left of others.",
  input: z.object({}),
  effect: "destroy",
  profile: "workspace-full",
  result: "reap",
  run: async (_, { pyro }) => ({ value: await (await pyro()).reapExpired() }),
});
