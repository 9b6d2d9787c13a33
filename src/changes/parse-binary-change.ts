import { inflateSync } from "node:zlib";
import { decodeBase85Line } from "./base85.ts";
import type { ParseState } from "./hunk-body.ts";
import { withoutTerminator } from "./patch-cursor.ts";
import { malformed, refused } from "./patch-errors.ts";
import { type BinaryChange, patchLimits } from "./patch-model.ts";

const headerPattern = /^(literal|delta) (\d{1,10})$/;

/** The lines from `GIT binary patch` on. The second half, for the way back, is checked for its form and dropped. */
export function parseBinaryChange(state: ParseState): BinaryChange {
  const { cursor } = state;
  cursor.advance();
  const { lineNumber } = cursor;
  const forward = takePacked(state);
  if (forward === undefined)
    throw malformed(lineNumber, "neither literal nor delta begins the binary patch");
  takePacked(state);
  return { kind: forward.kind, bytes: unpack(state, forward) };
}

interface Packed {
  readonly kind: "literal" | "delta";
  readonly sizeBytes: number;
  readonly deflated: Buffer;
  readonly lineNumber: number;
}

function takePacked({ cursor }: ParseState): Packed | undefined {
  const { lineNumber } = cursor;
  const header = headerPattern.exec(withoutTerminator(cursor.peek() ?? "").text);
  if (header === null) return undefined;
  cursor.advance();
  const pieces: Buffer[] = [];
  for (;;) {
    const { text } = withoutTerminator(cursor.peek() ?? "");
    // The blank line ends the data; the end of the patch may have lost it.
    if (text === "") break;
    const piece = decodeBase85Line(text);
    if (piece === undefined) throw malformed(cursor.lineNumber, "a broken line of binary data");
    pieces.push(piece);
    cursor.advance();
  }
  cursor.advance();
  const kind = header[1] === "delta" ? "delta" : "literal";
  return { kind, sizeBytes: Number(header[2]), deflated: Buffer.concat(pieces), lineNumber };
}

function unpack(state: ParseState, { sizeBytes, deflated, lineNumber }: Packed): Buffer {
  state.binaryBytesLeft -= sizeBytes;
  if (state.binaryBytesLeft < 0)
    throw refused(`The patch unpacks to more than ${patchLimits.binaryBytes} bytes of binary data`);
  const content = inflateBounded(deflated, sizeBytes);
  if (content?.length === sizeBytes) return content;
  throw malformed(
    lineNumber,
    `binary data that does not unpack to the promised ${sizeBytes} bytes`,
  );
}

function inflateBounded(deflated: Buffer, sizeBytes: number): Buffer | undefined {
  try {
    return inflateSync(deflated, { maxOutputLength: Math.max(1, sizeBytes) });
  } catch {
    // Too long, cut off or no zlib stream at all: for the caller one and the same.
    return undefined;
  }
}
