const alphabet =
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
const codes = Buffer.from(alphabet, "latin1");
const valueOfCode = new Int8Array(256).fill(-1);
for (const [value, code] of codes.entries()) valueOfCode[code] = value;

const lineBytesMax = 52;

/** Lines as git writes binary data: a letter for the length (A is 1, a is 27), then five characters for four bytes. */
export function encodeBase85Lines(bytes: Uint8Array): Buffer {
  const lineCount = Math.ceil(bytes.length / lineBytesMax);
  const out = Buffer.alloc(lineCount * (2 + (lineBytesMax / 4) * 5));
  let at = 0;
  for (let start = 0; start < bytes.length; start += lineBytesMax) {
    const length = Math.min(lineBytesMax, bytes.length - start);
    out[at] = length <= 26 ? 64 + length : 70 + length;
    at = encodeLine(bytes.subarray(start, start + length), { out, at: at + 1 });
    out[at] = 10;
    at += 1;
  }
  return out.subarray(0, at);
}

function encodeLine(bytes: Uint8Array, place: { out: Buffer; at: number }): number {
  const { out, at } = place;
  let end = at;
  for (let start = 0; start < bytes.length; start += 4) {
    let word = 0;
    for (let index = start; index < start + 4; index += 1) word = word * 256 + (bytes[index] ?? 0);
    for (let index = 4; index >= 0; index -= 1) {
      out[end + index] = codes[word % 85] ?? 0;
      word = Math.floor(word / 85);
    }
    end += 5;
  }
  return end;
}

/** The bytes of one line, or undefined when it is none. */
export function decodeBase85Line(line: string): Buffer | undefined {
  const length = lineLength(line.charCodeAt(0));
  if (length === 0 || line.length !== 1 + Math.ceil(length / 4) * 5) return undefined;
  const out = Buffer.alloc(Math.ceil(length / 4) * 4);
  for (let group = 0; group * 4 < length; group += 1) {
    let word = 0;
    for (let index = 0; index < 5; index += 1) {
      const value = valueOfCode[line.charCodeAt(1 + group * 5 + index)] ?? -1;
      if (value < 0) return undefined;
      word = word * 85 + value;
    }
    if (word > 0xffff_ffff) return undefined;
    out.writeUInt32BE(word, group * 4);
  }
  return out.subarray(0, length);
}

function lineLength(code: number): number {
  if (code >= 65 && code <= 90) return code - 64;
  if (code >= 97 && code <= 122) return code - 70;
  return 0;
}
