import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AgentClient, RequestOptions } from "../../channel/agent-client.ts";
import {
  refusalText as guestRefusalText,
  readText,
  statusOf,
  supervisorStatus,
  waitForHeaders,
} from "../../channel/json.ts";
import { asPyroError, PyroError } from "../../model/errors.ts";

const answerHeaders = ["content-type", "x-pyro-size", "x-pyro-mode"] as const;

/** A client's request to the supervisor. */
export interface Incoming {
  readonly stream: ServerHttp2Stream;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Whether the client's whole connection is gone, rather than this request alone. */
  readonly isConnectionLost: () => boolean;
  /** Takes the workspace's secrets out of a document for the client. */
  readonly redact: (document: string) => string;
}

/** Lets the guest answer, byte by byte as it does; a client that goes away ends the request in the guest. */
export async function passOn(
  incoming: Incoming,
  client: AgentClient,
  options?: RequestOptions,
): Promise<void> {
  const outgoing = openOutgoing(incoming, client, options);
  const answer = await waitForHeaders(outgoing);
  if (statusOf(answer) !== 200) return passRefusalOn(incoming, outgoing, statusOf(answer));
  incoming.stream.respond({
    ":status": guestStatus(statusOf(answer)),
    ...Object.fromEntries(
      answerHeaders.flatMap((name) => (answer[name] === undefined ? [] : [[name, answer[name]]])),
    ),
  });
  outgoing.pipe(incoming.stream, { end: false });
  // An answer that was cut off must not look like one that is complete.
  outgoing.once("close", () => {
    if (outgoing.readableEnded && outgoing.rstCode === constants.NGHTTP2_NO_ERROR)
      incoming.stream.end();
    else incoming.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  });
}

/** What a guest says of a failure may quote anything. */
export async function passRefusalOn(
  { stream, redact }: Incoming,
  outgoing: ClientHttp2Stream,
  status: number,
): Promise<void> {
  const text = await guestRefusalText(outgoing);
  stream.respond({ ":status": guestStatus(status), "content-type": "application/json" });
  stream.end(redact(text));
}

/** Lets the guest do it, and answers only when `done` has recorded that it did. */
export async function passOnChange(
  incoming: Incoming,
  client: AgentClient,
  done: () => void,
): Promise<void> {
  const { status, text } = await readText(openOutgoing(incoming, client));
  if (status === 200) done();
  incoming.stream.respond({ ":status": guestStatus(status), "content-type": "application/json" });
  incoming.stream.end(status === 200 ? text : incoming.redact(text));
}

/** The same with a document in the place of what the client sent. Its answer may quote anything. */
export async function passDocumentOn(
  { stream, method, path, redact }: Incoming,
  client: AgentClient,
  document: object,
): Promise<void> {
  const body = Buffer.from(JSON.stringify(document));
  const outgoing = client.request({
    ":method": method,
    ":path": path,
    "content-length": body.length,
  });
  stream.once("close", () => {
    if (!outgoing.closed) outgoing.close(constants.NGHTTP2_CANCEL);
  });
  outgoing.end(body);
  const { status, text } = await readText(outgoing);
  stream.respond({ ":status": guestStatus(status), "content-type": "application/json" });
  stream.end(redact(text));
}

export function callerLeft(): PyroError {
  return new PyroError("cancelled", "the caller went away");
}

/** A refusal by the supervisor itself. */
export function refuse({ stream, redact }: Incoming, error: unknown): void {
  if (stream.destroyed) return;
  if (stream.headersSent) {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  stream.respond({ ":status": supervisorStatus, "content-type": "application/json" });
  stream.end(redact(refusalText(error)));
}

export function refusalText(error: unknown): string {
  const { code, message, hint } = asPyroError(error);
  return JSON.stringify({ error: { code, message, hint } });
}

export function openOutgoing(incoming: Incoming, client: AgentClient, options?: RequestOptions) {
  const { "content-length": length } = incoming.headers;
  const outgoing = client.request(
    {
      ":method": incoming.method,
      ":path": incoming.path,
      // A request that is taken back ends like a whole one; the guest tells them apart by this.
      ...(length !== undefined && { "content-length": length }),
    },
    options,
  );
  outgoing.on("error", () => incoming.stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  incoming.stream.once("close", () => {
    if (!outgoing.closed) outgoing.close(constants.NGHTTP2_CANCEL);
  });
  incoming.stream.pipe(outgoing);
  return outgoing;
}

/** The guest cannot speak with the supervisor's voice. */
export function guestStatus(status: number): number {
  return status >= 200 && status < supervisorStatus ? status : 502;
}
