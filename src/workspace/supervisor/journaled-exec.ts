import { type ClientHttp2Stream, constants } from "node:http2";
import type { AgentClient } from "../../channel/agent-client.ts";
import { type ExecOutcome, parseOutcome } from "../../channel/exec.ts";
import { encodeFrame, type Frame, FrameDecoder, frameKind } from "../../channel/frames.ts";
import { readText, statusOf, waitForHeaders } from "../../channel/json.ts";
import { asPyroError, PyroError } from "../../model/errors.ts";
import { faultPoint } from "../../platform/fault.ts";
import { drained } from "../../platform/stream-events.ts";
import { endingOf } from "../machines/command-ending.ts";
import type { SupervisedEgress } from "./egress/supervised-egress.ts";
import { type ExecDocument, readExecDocument } from "./exec-document.ts";
import { JournalEntry, type JournalPlace } from "./journal-entry.ts";
import { numberHeader } from "./late-output.ts";
import { isOutput } from "./output-frame.ts";
import { callerLeft, guestStatus, type Incoming, refusalText } from "./pass-on.ts";
import { RedactedOutput } from "./redacted-output.ts";

/** Of an exec: 1 lets the command go on when its caller is gone. */
export const keepHeader = "x-pyro-keep-running";

export interface JournaledExec extends JournalPlace {
  readonly client: AgentClient;
  /** Why commands are cut off, once they are; asked when the guest stops answering. */
  readonly reasonOfLoss: () => Promise<PyroError>;
  readonly egress: SupervisedEgress | undefined;
}

/** Runs a client's command and writes down what it did; the client learns its end only when that is on the disk. */
export async function journaledExec(incoming: Incoming, work: JournaledExec): Promise<void> {
  const { stream } = incoming;
  const { document, hasNoInput, ...described } = await readExecDocument(stream, work.secrets);
  const entry = JournalEntry.begin(work, described);
  faultPoint("exec.begun");
  using output = new RedactedOutput(work.secrets, (frame) => {
    entry.addOutput(frame);
    // What was held back is too little to wait for.
    if (!stream.destroyed) stream.write(encodeFrame(frame.kind, frame.payload));
  });
  try {
    const outgoing = sendOn(
      incoming,
      { document, hasNoInput },
      { ...work, sequence: entry.sequence },
    );
    const status = statusOf(await waitForHeaders(outgoing));
    if (status !== 200) {
      const { text } = await readText(outgoing);
      entry.end({ interrupted: "the guest refused to run it" });
      stream.respond({ ":status": guestStatus(status) });
      stream.end(incoming.redact(text));
      return;
    }
    stream.respond({ ":status": 200, "x-pyro-sequence": String(entry.sequence) });
    const { outcome, payload, withEnd } = await relay(outgoing, incoming, { entry, output });
    work.egress?.flush();
    const isJournaled = entry.end(endingOf(outcome, described.command));
    faultPoint("exec.ended");
    const last = isJournaled ? frameKind.end : frameKind.unjournaledEnd;
    const end = encodeFrame(last, Buffer.from(incoming.redact(payload.toString("utf8"))));
    stream.end(Buffer.concat([...withEnd, end]));
  } catch (error) {
    const reason =
      stream.destroyed && !isKept(incoming) ? callerLeft() : await explain(error, work);
    for (const frame of output.end()) entry.addOutput(frame);
    entry.end({ interrupted: reason.message });
    if (!stream.headersSent) throw reason;
    const said = incoming.redact(refusalText(reason));
    stream.end(encodeFrame(frameKind.refusal, Buffer.from(said)));
  }
}

/** Begins the command in the guest; it ends with the client's request unless it is to be kept. */
function sendOn(
  incoming: Incoming,
  { document, hasNoInput }: Pick<ExecDocument, "document" | "hasNoInput">,
  { client, sequence }: { readonly client: AgentClient; readonly sequence: number },
): ClientHttp2Stream {
  const { stream } = incoming;
  const headers = { ":method": "POST", ":path": "/v1/exec", [numberHeader]: String(sequence) };
  const outgoing = client.request(headers, { mayBeSilent: true });
  outgoing.on("error", () => undefined);
  stream.once("close", () => {
    if (!isKept(incoming)) outgoing.close(constants.NGHTTP2_CANCEL);
  });
  if (hasNoInput) {
    // One packet, and nothing more for the guest to wake for.
    outgoing.end(document);
    stream.resume();
    return outgoing;
  }
  outgoing.write(document);
  stream.pipe(outgoing);
  return outgoing;
}

interface Receivers {
  readonly entry: JournalEntry;
  readonly output: RedactedOutput;
}

interface Relayed {
  readonly outcome: ExecOutcome;
  readonly payload: Buffer;
  /** What came together with the end, and goes on with it. */
  readonly withEnd: readonly Buffer[];
}

/** Passes output on to client and journal until the last frame, which is held back. */
async function relay(
  outgoing: ClientHttp2Stream,
  incoming: Incoming,
  { entry, output }: Receivers,
): Promise<Relayed> {
  const decoder = new FrameDecoder();
  for await (const chunk of outgoing as AsyncIterable<Buffer>) {
    const frames = [...decoder.push(chunk)];
    const endsAt = frames.findIndex(({ kind }) => kind === frameKind.end);
    if (endsAt !== -1 && endsAt !== frames.length - 1) throw wentOn();
    const shown = frames.flatMap((frame) => redacted(frame, output));
    for (const frame of shown) if (isOutput(frame)) entry.addOutput(frame);
    const encoded = shown.map(({ kind, payload }) => encodeFrame(kind, payload));
    const payload = frames[endsAt]?.payload;
    if (payload !== undefined) return { outcome: parseOutcome(payload), payload, withEnd: encoded };
    for (const bytes of encoded) await send(bytes, incoming);
  }
  throw new PyroError("guest_lost", "The guest stopped before it said how the command ended.");
}

/** What the client gets to see of a frame; the last one is told when it is written down. */
function redacted(frame: Frame, output: RedactedOutput): readonly Frame[] {
  if (isOutput(frame)) return output.push(frame);
  if (frame.kind === frameKind.end) return output.end();
  if (frame.kind === frameKind.started) return [frame];
  throw new PyroError("guest_protocol_error", `The guest sent a frame of kind ${frame.kind}.`);
}

function wentOn(): PyroError {
  return new PyroError("guest_protocol_error", "The guest went on after the end of the command.");
}

/** A client that does not read holds the command back. */
async function send(bytes: Buffer, incoming: Incoming): Promise<void> {
  const { stream } = incoming;
  if (stream.destroyed) {
    if (isKept(incoming)) return;
    throw callerLeft();
  }
  if (!stream.write(bytes)) await drained(stream);
}

/** Whether the command goes on without its caller: that was asked for, and the connection was lost rather than the request taken back. */
function isKept({ headers, isConnectionLost }: Incoming): boolean {
  return headers[keepHeader] === "1" && isConnectionLost();
}

async function explain(error: unknown, work: JournaledExec): Promise<PyroError> {
  const known = asPyroError(error);
  const isKnown = known.code === "guest_protocol_error" || known.code === "secrets_unreadable";
  return isKnown ? known : await work.reasonOfLoss();
}
