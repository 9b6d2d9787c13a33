import type { AgentClient } from "../../channel/agent-client.ts";
import { parseJsonObject } from "../../model/bounded-json.ts";
import { PyroError } from "../../model/errors.ts";
import type { SecretsChange } from "../../model/secrets.ts";
import { now } from "../records/workspace-records.ts";
import type { OutputPlace } from "./kept-output.ts";
import type { Incoming } from "./pass-on.ts";
import { holdSecrets } from "./place-secrets.ts";

/** As much as the largest secrets take however they are escaped. */
const changeBytesMax = 2 << 20;

interface SecretsPlace extends OutputPlace {
  readonly client: () => AgentClient;
}

/** Changes the workspace's secrets: on the disk, in what is looked for in output, and then in the guest. */
export async function answerSecretsChange(
  { stream }: Incoming,
  { workspaceId, secrets, journal, client }: SecretsPlace,
): Promise<void> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > changeBytesMax) throw unusable("is too long");
    chunks.push(chunk);
  }
  // What is wrong with it would quote it.
  const refuse = () => unusable("is not JSON");
  const change = parseJsonObject(Buffer.concat(chunks), refuse) as unknown as SecretsChange;
  const guest = client();
  const text = secrets.change(change);
  await holdSecrets(guest, { secrets: secrets.list(), ca: secrets.ca() });
  journal.record({ workspaceId, at: now(), kind: "secret", text });
  stream.respond({ ":status": 200, "content-type": "application/json" });
  stream.end("{}");
}

function unusable(how: string): PyroError {
  return new PyroError("internal", `A change of secrets ${how}.`);
}
