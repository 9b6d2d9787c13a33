import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { encodeBase85Lines } from "./base85.ts";

const compress = promisify(deflate);
/** A multiple of the 52 bytes of a line. */
const sliceBytes = 52 * 10_000;

/** git's binary patch between two contents, whole in both directions so that it can be reversed. */
export async function* renderBinaryPatch(
  old: Buffer = Buffer.alloc(0),
  now: Buffer = Buffer.alloc(0),
): AsyncGenerator<Buffer> {
  yield Buffer.from("GIT binary patch\n");
  yield* renderLiteral(now);
  yield* renderLiteral(old);
}

async function* renderLiteral(content: Buffer): AsyncGenerator<Buffer> {
  yield Buffer.from(`literal ${content.length}\n`);
  const packed = await compress(content);
  for (let start = 0; start < packed.length; start += sliceBytes)
    yield encodeBase85Lines(packed.subarray(start, start + sliceBytes));
  yield Buffer.from("\n");
}
