import { z } from "zod";
import type { RunResult } from "../../sdk.ts";
import { type BulkAnswer, bulkAnswer, outputCharactersMax } from "../answers/bulk-answer.ts";
import { targetText } from "../answers/network-wish.ts";
import { OutputCollector } from "../answers/output-collector.ts";
import { bulkTool } from "../tool.ts";
import { deniedFacts, deniedText } from "./denied-text.ts";
import { endedText } from "./ending-text.ts";
import {
  command,
  cpu,
  environment,
  maxOutputChars,
  memMib,
  network,
  programOf,
  shortTimeoutSeconds,
  vcpuCount,
} from "./fields.ts";

/** What is kept of the beginning of an output and, again, of its end: enough for the longest answer. */
export const keptBytes = outputCharactersMax * 4;

export const vmRun = bulkTool({
  name: "vm_run",
  title: "Run in a throwaway VM",
  description:
    "Run one command in a fresh, disposable VM when nothing has to last: a quick check, untrusted code. No host files; the VM is gone afterwards. The environment is installed at its first use, which may take minutes. Answers exit code and output.",
  input: z.object({
    command,
    environment,
    vcpu_count: vcpuCount,
    mem_mib: memMib,
    cpu,
    network,
    timeout_seconds: shortTimeoutSeconds,
    max_output_chars: maxOutputChars,
  }),
  effect: "guest",
  profile: "vm-run",
  isEntry: true,
  run: async (input, { pyro, signal, report }) => {
    const output = new OutputCollector(keptBytes);
    const push = (chunk: Buffer) => output.push(chunk);
    const result = await (await pyro()).runInVm({
      environment: input.environment,
      command: programOf(input.command),
      vcpuCount: input.vcpu_count,
      memMib: input.mem_mib,
      cpu: input.cpu,
      network: input.network,
      timeoutSeconds: input.timeout_seconds,
      onStdout: push,
      onStderr: push,
      onProgress: ({ step }) => report(step),
      signal,
    });
    return runAnswer(result, output, input.max_output_chars);
  },
});

/** No tool takes rules for a VM of one command. */
function wayOut({ environment, deniedConnections: [first] }: RunResult): string {
  const target = first === undefined ? "HOST" : targetText(first);
  return `the user can: pyro run --network --allow-host ${target} ${environment} -- COMMAND…`;
}

/** What a command wrote in a VM that is gone. */
export function runAnswer(
  result: RunResult & { readonly vmId?: string },
  output: OutputCollector,
  charactersMax: number | undefined,
): BulkAnswer {
  return bulkAnswer({
    header: (lines) => `${endedText(result)} · ${lines}`,
    excerpt: output.excerpt(),
    charactersMax,
    footer: deniedText(result, wayOut(result)),
    restOf: () =>
      "gone with the VM: run again with more max_output_chars, or a filter such as tail or grep",
    facts: {
      exit_code: result.exitCode,
      timed_out: result.timedOut,
      out_of_memory: result.outOfMemory,
      duration_ms: result.durationMs,
      execution_mode: result.executionMode,
      isolation: result.isolation,
      ...deniedFacts(result),
      ...(result.vmId !== undefined && { vm_id: result.vmId }),
    },
  });
}
