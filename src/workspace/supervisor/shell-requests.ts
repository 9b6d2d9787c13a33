import type { AgentClient } from "../../channel/agent-client.ts";
import { PyroError } from "../../model/errors.ts";
import type { ShellQuestion } from "../../model/shell-reading.ts";
import type { Screens } from "../screens/screens.ts";
import type { Incoming } from "./pass-on.ts";

const questionBytesMax = 64 * 1024;

/** Says what a shell shows; a client that leaves ends the waiting. */
export async function answerReading(
  { stream }: Incoming,
  { client, screens }: { client: () => AgentClient; screens: Screens },
): Promise<void> {
  const left = new AbortController();
  stream.once("close", () => left.abort());
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > questionBytesMax)
      throw new PyroError("invalid_argument", "The text to wait for is too long.");
    chunks.push(chunk);
  }
  const question = JSON.parse(Buffer.concat(chunks).toString("utf8")) as ShellQuestion;
  const answer = await screens.read(client, question, left.signal);
  if (stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": "application/json" });
  stream.end(JSON.stringify(answer));
}
