import { setTimeout as sleep } from "node:timers/promises";
import type { AgentClient } from "../../channel/agent-client.ts";
import type { LogEnd, LogQuery } from "../../channel/service-client.ts";
import { PyroError } from "../../model/errors.ts";
import { defaults, limits } from "../../model/limits.ts";
import { wholeNumber } from "../../model/machine-options.ts";
import { isLive } from "../../model/service-definition.ts";
import type { ServiceLogLine, ServiceLogs } from "../../model/service-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { openWorkspace } from "../life/connect-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { stillDeniedTo } from "../network/denied-connections.ts";
import { requireService } from "./describe-service.ts";
import { RedactedLines } from "./redacted-lines.ts";
import type {
  FollowedLine,
  FollowServiceLogsOptions,
  ServiceLogsOptions,
} from "./service-options.ts";

type Named<Options> = Options & { readonly name: string };

/** Between two looks for the rest of what may be a secret. */
const lookMs = 50;
/** What is written for longer is shown as it comes. */
const looksMax = 40;

/** What a service wrote: the last lines, or all that is kept. */
export async function logsService(
  context: WorkspaceContext,
  id: string,
  { name, ...options }: Named<ServiceLogsOptions>,
): Promise<ServiceLogs> {
  const linesMax = tailLinesOf(options);
  const { row, client } = await openWorkspace(context, id, "read logs of services");
  requireService(context, row, name);
  const kept = new NewestLines(linesMax);
  const lines = new RedactedLines(context, row, (line) => kept.push(line));
  const query = { ...queryOf(options), tailLines: linesMax === Infinity ? undefined : linesMax };
  const log = { context, row, client, name };
  const { firstCursor, nextCursor } = await readWhole(log, query, lines);
  const told = kept.lines.map(tellLine);
  return {
    workspaceId: row.workspaceId,
    name,
    state: requireService(context, row, name).state,
    lines: told,
    stdout: textOf(told, "stdout"),
    stderr: textOf(told, "stderr"),
    truncated: kept.hasForgotten || firstCursor > (options.cursor ?? 0),
    droppedBytes: lines.droppedBytes,
    nextCursor,
    deniedConnections: await stillDeniedTo(context, { row, client, source: `service:${name}` }),
  };
}

/** Hands on what a service wrote, and what it goes on to write until it is over. */
export async function followServiceLogs(
  context: WorkspaceContext,
  id: string,
  { name, onLine, ...options }: Named<FollowServiceLogsOptions>,
): Promise<void> {
  const linesMax = tailLinesOf(options);
  const { row, client } = await openWorkspace(context, id, "read logs of services");
  requireService(context, row, name);
  let cursor = options.cursor;
  // What is there already is cut to whole lines; what comes is told as it does.
  if (linesMax !== Infinity) {
    const kept = new NewestLines(linesMax);
    const earlier = new RedactedLines(context, row, (line) => kept.push(line));
    const query = { ...queryOf(options), tailLines: linesMax };
    ({ nextCursor: cursor } = await readWhole({ context, row, client, name }, query, earlier));
    for (const line of kept.lines) await onLine(line);
  }
  const lines = new RedactedLines(context, row, onLine);
  const query = { ...queryOf(options), cursor, follow: true };
  await client.services.logs(name, query, (piece) => lines.push(piece));
  await lines.finish();
}

interface ReadLog {
  readonly context: WorkspaceContext;
  readonly row: WorkspaceRow;
  readonly client: AgentClient;
  readonly name: string;
}

/** Reads what there is, and what a running service is just completing: a secret of which half was read would be shown, and then its other half. */
async function readWhole(
  { context, row, client, name }: ReadLog,
  query: LogQuery,
  lines: RedactedLines,
): Promise<LogEnd> {
  const read = (from: LogQuery) => client.services.logs(name, from, (piece) => lines.push(piece));
  let end = await read(query);
  const isRunning = () => isLive(requireService(context, row, name).state);
  for (let looks = 0; looks < looksMax && lines.isHolding && isRunning(); looks++) {
    await sleep(lookMs);
    end = {
      ...(await read({ ...query, tailLines: undefined, cursor: end.nextCursor })),
      firstCursor: end.firstCursor,
    };
  }
  await lines.finish();
  return end;
}

function tailLinesOf({ all = false, tailLines, cursor }: ServiceLogsOptions): number {
  if (all && tailLines !== undefined)
    throw new PyroError(
      "invalid_argument",
      `all does not go with tailLines, which is ${tailLines}.`,
    );
  if (all || (tailLines === undefined && cursor !== undefined)) return Infinity;
  return wholeNumber({
    name: "tailLines",
    value: tailLines ?? defaults.logTailLines,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
  });
}

function queryOf({ cursor, since, signal }: ServiceLogsOptions) {
  if (cursor !== undefined)
    wholeNumber({ name: "cursor", value: cursor, min: 0, max: Number.MAX_SAFE_INTEGER });
  if (since !== undefined && !(since.getTime() >= 0))
    throw new PyroError("invalid_argument", "since is not a time that can be.");
  return { cursor, sinceMs: since?.getTime(), signal };
}

/** The last lines, within what a result may hold. */
class NewestLines {
  hasForgotten = false;
  readonly #linesMax: number;
  #lines: FollowedLine[] = [];
  #first = 0;
  #bytes = 0;

  constructor(linesMax: number) {
    this.#linesMax = linesMax;
  }

  get lines(): FollowedLine[] {
    return this.#lines.slice(this.#first);
  }

  push(line: FollowedLine): void {
    this.#lines.push(line);
    this.#bytes += line.text.length;
    while (
      this.#lines.length - this.#first > this.#linesMax ||
      this.#bytes > limits.serviceLogsBytesMax
    ) {
      this.#bytes -= this.#lines[this.#first]?.text.length ?? 0;
      this.#first++;
      this.hasForgotten = true;
    }
    // What is forgotten is let go of now and then, not line by line.
    if (this.#first > 1000 && this.#first > this.#lines.length / 2) {
      this.#lines = this.#lines.slice(this.#first);
      this.#first = 0;
    }
  }
}

function tellLine({ at, stream, text }: FollowedLine): ServiceLogLine {
  return { at: at.toISOString(), stream, text: text.toString("utf8") };
}

function textOf(lines: readonly ServiceLogLine[], stream: "stdout" | "stderr"): string {
  return lines
    .filter((line) => line.stream === stream)
    .map(({ text }) => `${text}\n`)
    .join("");
}
