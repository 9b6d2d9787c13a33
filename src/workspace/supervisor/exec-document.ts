import type { ServerHttp2Stream } from "node:http2";
import { isObject, type JsonObject, parseJsonObject } from "../../model/bounded-json.ts";
import { PyroError } from "../../model/errors.ts";
import type { SecretEnv } from "../../model/secrets.ts";
import { firstEvent } from "../../platform/stream-events.ts";
import type { KeptSecrets } from "../records/kept-secrets.ts";

/** The agent's own bound on the document that begins an exec. */
const documentBytesMax = 4 << 20;

/** What a client wants run. */
export interface ExecDocument {
  readonly command: readonly string[];
  readonly cwd: string;
  /** Whether nothing that follows the document is wanted. */
  readonly hasNoInput: boolean;
  /** As the guest is to have it, with its length. */
  readonly document: Buffer;
}

/** The document that begins the request, and nothing of what follows; the secrets it asks for are in its environment. */
export async function readExecDocument(
  stream: ServerHttp2Stream,
  secrets: KeptSecrets,
): Promise<ExecDocument> {
  const document = await readDocument(stream);
  const { secret_env: wanted, ...fields } = parseJsonObject(document.subarray(4), unusable);
  // Without them nothing tells what its output must not show.
  secrets.list();
  if (wanted === undefined) return { ...describe(fields), document };
  return { ...describe(fields), document: withLength(withSecrets(fields, { wanted, secrets })) };
}

/** A request to start a program with the secrets it asks for in its environment. */
export function withSecrets(
  fields: JsonObject,
  { wanted, secrets }: { readonly wanted: unknown; readonly secrets: KeptSecrets },
): JsonObject {
  return {
    ...fields,
    env: [...entriesOf(fields.env), ...secrets.environment(secretEnvOf(wanted))],
  };
}

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

function withLength(fields: object): Buffer {
  const text = Buffer.from(JSON.stringify(fields));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}

function entriesOf(env: unknown = []): readonly unknown[] {
  if (Array.isArray(env)) return env;
  throw unusable("has no list as its environment");
}

function secretEnvOf(wanted: unknown): SecretEnv {
  if (!isObject(wanted)) throw unusable("asks for no usable secrets");
  return Object.fromEntries(
    Object.entries(wanted).map(([name, variable]) => [name, String(variable)]),
  );
}

function describe({ command, cwd, no_stdin }: JsonObject): Omit<ExecDocument, "document"> {
  if (!Array.isArray(command)) throw unusable("names no command");
  return {
    command: command.map(entryText),
    cwd: entryText(cwd ?? "/workspace"),
    hasNoInput: no_stdin === true,
  };
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
