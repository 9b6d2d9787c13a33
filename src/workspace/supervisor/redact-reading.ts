import { isUtf8 } from "node:buffer";
import type { ShellClient } from "../../channel/shell-client.ts";
import type { ShellQuestion } from "../../model/shell-reading.ts";
import { heldBytesMin, Redaction, type SecretValues, silenceMs } from "../../secrets/redaction.ts";
import type { ShellAnswer } from "../screens/read-shell.ts";

export interface RedactedQuestion {
  readonly question: ShellQuestion;
  readonly values: SecretValues;
  readonly shells: ShellClient;
}

/**
 * What was read, with secrets taken out of bytes, also such as began before the cursor or end after what there is. A text was read
 * without them.
 */
export async function redactReading(
  answer: ShellAnswer,
  { question, values, shells }: RedactedQuestion,
): Promise<ShellAnswer> {
  if (values.isEmpty || question.mode !== "raw") return answer;
  const redaction = new Redaction(() => values);
  redaction.push(await bytesBefore(answer, { question, values, shells }));
  const begun = redaction.heldText();
  const bytes = Buffer.from(
    answer.outputBase64 ?? answer.output,
    answer.outputBase64 === null ? "utf8" : "base64",
  );
  const shown = redaction.push(bytes);
  const { ending, idleMs } = answer.shell;
  const isLast = answer.nextCursor >= answer.shell.nextPosition;
  const isOver = isLast && (ending !== undefined || idleMs >= silenceMs);
  const heldBytes = redaction.heldBytes;
  const isHeld = !isOver && heldBytes >= heldBytesMin;
  const all = isHeld ? shown : Buffer.concat([shown, redaction.release()]);
  // One that is longer than all that was asked for is passed by, so that reading goes on.
  const isReadAgain = isHeld && heldBytes < bytes.length;
  // What was read before is not read again.
  const output = all.subarray(0, begun.length).equals(begun) ? all.subarray(begun.length) : all;
  return {
    ...answer,
    output: output.toString("utf8"),
    outputBase64: isUtf8(output) ? null : output.toString("base64"),
    nextCursor: answer.nextCursor - (isReadAgain ? heldBytes : 0),
  };
}

/** As much of what stands before the answer as could be the beginning of a value in it. */
async function bytesBefore(
  { nextCursor, output, outputBase64, shell }: ShellAnswer,
  { question, values, shells }: RedactedQuestion,
): Promise<Buffer> {
  const length =
    outputBase64 === null ? Buffer.byteLength(output) : Buffer.byteLength(outputBase64, "base64");
  const begin = nextCursor - length;
  const from = Math.max(shell.firstPosition, begin - values.spreadBytesMax);
  if (from >= begin) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let position = from;
  for await (const event of shells.output(question.shellId, { from, max: begin - from })) {
    if (event.kind === "bytes") {
      chunks.push(event.bytes);
      position += event.bytes.length;
    } else if (event.kind === "position" && event.position > position) chunks.length = 0;
  }
  return Buffer.concat(chunks);
}
