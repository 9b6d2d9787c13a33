import type { AgentClient } from "../../channel/agent-client.ts";
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  frameKind,
  shellFrameKind,
} from "../../channel/frames.ts";
import { statusOf, waitForHeaders } from "../../channel/json.ts";
import { type JsonObject, parseJsonObject } from "../../model/bounded-json.ts";
import { PyroError } from "../../model/errors.ts";
import type { ShellQuestion } from "../../model/shell-reading.ts";
import { drained } from "../../platform/stream-events.ts";
import { LiveRedaction } from "../../secrets/live-redaction.ts";
import type { KeptSecrets } from "../records/kept-secrets.ts";
import type { ShellAnswer } from "../screens/read-shell.ts";
import type { Screens } from "../screens/screens.ts";
import { withSecrets } from "./exec-document.ts";
import {
  callerLeft,
  type Incoming,
  openOutgoing,
  passDocumentOn,
  passRefusalOn,
} from "./pass-on.ts";
import { redactReading } from "./redact-reading.ts";

const questionBytesMax = 64 * 1024;
/** As much as a command with its environment may have. */
const openingBytesMax = 4 << 20;

interface ShellRequestContext {
  readonly client: () => AgentClient;
  readonly secrets: KeptSecrets;
}

/** Says what a shell shows; a client that leaves ends the waiting. */
export async function answerReading(
  { stream }: Incoming,
  { client, secrets, screens }: ShellRequestContext & { readonly screens: Screens },
): Promise<void> {
  const left = new AbortController();
  stream.once("close", () => left.abort());
  const question = (await readDocument(stream, questionBytesMax)) as unknown as ShellQuestion;
  const values = secrets.values();
  const read: ShellAnswer = await screens.read(client, {
    question,
    values,
    signal: left.signal,
  });
  const answer = await redactReading(read, { question, values, shells: client().shell });
  if (stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": "application/json" });
  stream.end(JSON.stringify(answer));
}

/** Opens a shell with the secrets it asks for in its environment. */
export async function answerOpening(
  incoming: Incoming,
  { client, secrets }: ShellRequestContext,
): Promise<void> {
  const { secret_env: wanted = {}, ...fields } = await readDocument(
    incoming.stream,
    openingBytesMax,
  );
  secrets.list();
  await passDocumentOn(incoming, client(), withSecrets(fields, { wanted, secrets }));
}

/** What a shell writes, as it does, with secrets taken out; where that changes the length, a frame tells the position. */
export async function passShellOutput(
  incoming: Incoming,
  { client, secrets }: ShellRequestContext,
): Promise<void> {
  const { stream } = incoming;
  const outgoing = openOutgoing(incoming, client(), { mayBeSilent: true });
  const status = statusOf(await waitForHeaders(outgoing));
  if (status !== 200) return passRefusalOn(incoming, outgoing, status);
  stream.respond({ ":status": 200, "content-type": "application/octet-stream" });
  let position = Number(new URL(incoming.path, "http://guest").searchParams.get("from"));
  const show = (bytes: Buffer, heldBytes: number): Buffer => {
    const told = { position: position - heldBytes, lost_bytes: 0 };
    return Buffer.concat([
      ...(bytes.length === 0 ? [] : [encodeFrame(frameKind.stdout, bytes)]),
      encodeFrame(shellFrameKind.position, Buffer.from(JSON.stringify(told))),
    ]);
  };
  using redaction = new LiveRedaction(
    () => secrets.values(),
    (bytes) => {
      if (!stream.destroyed) stream.write(show(bytes, 0));
    },
  );
  const passed = ({ kind, payload }: Frame): Buffer => {
    if (kind === frameKind.stdout) {
      position += payload.length;
      const bytes = redaction.push(payload);
      // What is not changed needs no position.
      if (bytes.equals(payload)) return encodeFrame(kind, payload);
      return show(bytes, redaction.heldBytes);
    }
    const held = redaction.end();
    const before = held.length === 0 ? held : show(held, 0);
    if (kind === shellFrameKind.position) position = positionIn(payload);
    return Buffer.concat([before, encodeFrame(kind, payload)]);
  };
  const decoder = new FrameDecoder();
  for await (const chunk of outgoing as AsyncIterable<Buffer>)
    for (const frame of decoder.push(chunk)) {
      if (stream.destroyed) throw callerLeft();
      if (!stream.write(passed(frame))) await drained(stream);
    }
  stream.end();
}

function positionIn(payload: Buffer): number {
  const { position } = parseJsonObject(payload, unusable);
  if (typeof position === "number" && Number.isSafeInteger(position)) return position;
  throw new PyroError("guest_protocol_error", "The guest did not say where the shell's output is.");
}

async function readDocument(stream: Incoming["stream"], bytesMax: number): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bytesMax)
      throw new PyroError("invalid_argument", "What is asked of the shell is too long.");
    chunks.push(chunk);
  }
  return parseJsonObject(Buffer.concat(chunks), unusable);
}

function unusable(how: string): PyroError {
  return new PyroError("internal", `A request about a shell ${how}.`);
}
