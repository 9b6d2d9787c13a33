import { type ClientHttp2Stream, constants, type ServerHttp2Stream } from "node:http2";
import type { AgentClient } from "../../channel/agent-client.ts";
import { type ExecOutcome, parseOutcome } from "../../channel/exec.ts";
import { encodeFrame, FrameDecoder, frameKind } from "../../channel/frames.ts";
import { readText, statusOf, waitForHeaders } from "../../channel/json.ts";
import { parseJsonObject } from "../../model/bounded-json.ts";
import { asPyroError, PyroError } from "../../model/errors.ts";
import { faultPoint } from "../../platform/fault.ts";
import { drained, firstEvent } from "../../platform/stream-events.ts";
import { endingOf } from "../machines/command-ending.ts";
import { JournalEntry, type JournalPlace } from "./journal-entry.ts";
import { numberHeader } from "./late-output.ts";
import { callerLeft, guestStatus, type Incoming, refusalText } from "./pass-on.ts";

/** Of an exec: 1 lets the command go on when its caller is gone. */
export const keepHeader = "x-pyro-keep-running";

/** The agent's own bound on the document that begins an exec. */
const documentBytesMax = 4 << 20;

export interface JournaledExec extends JournalPlace {
  readonly client: AgentClient;
  /** Why commands are cut off, once they are; asked when the guest stops answering. */
  readonly reasonOfLoss: () => Promise<PyroError>;
}

/** Runs a client's command and writes down what it did; the client learns its end only when that is on the disk. */
export async function journaledExec(incoming: Incoming, work: JournaledExec): Promise<void> {
  const { stream } = incoming;
  const document = await readDocument(stream);
  const described = describe(document);
  const entry = JournalEntry.begin(work, described);
  faultPoint("exec.begun");
  try {
    const outgoing = sendOn(incoming, document, { ...work, sequence: entry.sequence });
    const status = statusOf(await waitForHeaders(outgoing));
    if (status !== 200) {
      const { text } = await readText(outgoing);
      entry.end({ interrupted: "the guest refused to run it" });
      stream.respond({ ":status": guestStatus(status) });
      stream.end(text);
      return;
    }
    stream.respond({ ":status": 200, "x-pyro-sequence": String(entry.sequence) });
    const { outcome, payload } = await relay(outgoing, incoming, entry);
    const isJournaled = entry.end(endingOf(outcome, described.command));
    faultPoint("exec.ended");
    stream.end(encodeFrame(isJournaled ? frameKind.end : frameKind.unjournaledEnd, payload));
  } catch (error) {
    const reason =
      stream.destroyed && !isKept(incoming) ? callerLeft() : await explain(error, work);
    entry.end({ interrupted: reason.message });
    if (!stream.headersSent) throw reason;
    stream.end(encodeFrame(frameKind.refusal, Buffer.from(refusalText(reason))));
  }
}

/** Begins the command in the guest; it ends with the client's request unless it is to be kept. */
function sendOn(
  incoming: Incoming,
  document: Buffer,
  { client, sequence }: { readonly client: AgentClient; readonly sequence: number },
): ClientHttp2Stream {
  const { stream } = incoming;
  const headers = { ":method": "POST", ":path": "/v1/exec", [numberHeader]: String(sequence) };
  const outgoing = client.request(headers, { mayBeSilent: true });
  outgoing.on("error", () => undefined);
  stream.once("close", () => {
    if (!isKept(incoming)) outgoing.close(constants.NGHTTP2_CANCEL);
  });
  outgoing.write(document);
  stream.pipe(outgoing);
  return outgoing;
}

/** Passes output on to client and journal until the last frame, which is held back. */
async function relay(
  outgoing: ClientHttp2Stream,
  incoming: Incoming,
  entry: JournalEntry,
): Promise<{ outcome: ExecOutcome; payload: Buffer }> {
  const decoder = new FrameDecoder();
  for await (const chunk of outgoing as AsyncIterable<Buffer>) {
    let ending: { outcome: ExecOutcome; payload: Buffer } | undefined;
    for (const { kind, payload } of decoder.push(chunk)) {
      if (ending !== undefined) throw wentOn();
      if (kind === frameKind.end) {
        ending = { outcome: parseOutcome(payload), payload };
        continue;
      }
      record(kind, payload, entry);
      await send(encodeFrame(kind, payload), incoming);
    }
    if (ending !== undefined) return ending;
  }
  throw new PyroError("guest_lost", "The guest stopped before it said how the command ended.");
}

function wentOn(): PyroError {
  return new PyroError("guest_protocol_error", "The guest went on after the end of the command.");
}

function record(kind: number, payload: Buffer, entry: JournalEntry): void {
  if (kind === frameKind.stdout || kind === frameKind.stderr) entry.addOutput(kind, payload);
  else if (kind !== frameKind.started)
    throw new PyroError("guest_protocol_error", `The guest sent a frame of kind ${kind}.`);
}

/** A client that does not read holds the command back. */
async function send(frame: Buffer, incoming: Incoming): Promise<void> {
  const { stream } = incoming;
  if (stream.destroyed) {
    if (isKept(incoming)) return;
    throw callerLeft();
  }
  if (!stream.write(frame)) await drained(stream);
}

/** Whether the command goes on without its caller: that was asked for, and the connection was lost rather than the request taken back. */
function isKept({ headers, isConnectionLost }: Incoming): boolean {
  return headers[keepHeader] === "1" && isConnectionLost();
}

async function explain(error: unknown, work: JournaledExec): Promise<PyroError> {
  const known = asPyroError(error);
  return known.code === "guest_protocol_error" ? known : await work.reasonOfLoss();
}

/** The document that begins the request, with its length, as it came. */
async function readDocument(stream: ServerHttp2Stream): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  const needed = () => (head.length < 4 ? 4 : 4 + head.readUInt32BE(0));
  while (head.length < needed()) {
    if (needed() > documentBytesMax) throw unusable(`announces ${needed()} bytes`);
    const chunk: Buffer | null = stream.read();
    if (chunk !== null) head = Buffer.concat([head, chunk]);
    else if (stream.readableEnded || stream.destroyed) throw unusable("ends early");
    else await firstEvent(stream, ["readable", "end", "close"]);
  }
  const rest = head.subarray(needed());
  if (rest.length > 0) stream.unshift(rest);
  return head.subarray(0, needed());
}

function describe(document: Buffer): { command: string[]; cwd: string } {
  const { command, cwd } = parseJsonObject(document.subarray(4), unusable);
  if (!Array.isArray(command)) throw unusable("names no command");
  return { command: command.map(entryText), cwd: entryText(cwd ?? "/workspace") };
}

/** An argument as text: bytes that are no text are in base64 on the wire. */
function entryText(entry: unknown): string {
  if (typeof entry === "string") return entry;
  const { base64 } = entry as { base64?: unknown };
  return Buffer.from(String(base64), "base64").toString("utf8");
}

function unusable(how: string): PyroError {
  return new PyroError("internal", `A request to run a command ${how}.`);
}
