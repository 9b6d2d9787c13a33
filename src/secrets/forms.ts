/** A line of a value that is looked for on its own; a shorter one may be anything. */
const lineBytesMin = 16;
/** Forms that programs rarely print are looked for in values up to this. */
const rareFormBytesMax = 4096;
/** Encloses what is secret and is none itself. */
const envelopeLine = /^-----(BEGIN|END) .*-----$/;

/**
 * The byte strings that show a value in output: itself, in base64 at each of the three alignments, in hexadecimal, as part of a URL or of
 * JSON, and its longer lines. None has a line break, because a value is also found where line breaks are strewn into it.
 */
export function formsOf(value: string): readonly Buffer[] {
  const text = value.replace(/^[\r\n]+|[\r\n]+$/g, "");
  const bytes = Buffer.from(text);
  const isShort = bytes.length <= rareFormBytesMax;
  const hex = bytes.toString("hex");
  const forms = [
    bytes,
    ...[0, 1, 2].map((before) => base64Core(bytes, before)).flatMap(bothAlphabets),
    hex,
    ...(isShort ? [hex.toUpperCase(), percentEncoded(bytes, everything)] : []),
    ...urlForms(bytes),
    ...jsonForms(text),
    ...linesOf(text),
  ];
  const unbroken = forms.map((form) => form.toString().replace(/[\r\n]+/g, ""));
  return [...new Set(unbroken)].map((form) => Buffer.from(form));
}

/** The characters of a base64 text that say nothing but `bytes`, which begin `before` bytes (or 3 more, and so on) into what is encoded. */
function base64Core(bytes: Buffer, before: number): string {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
  const begin = Math.ceil((before * 8) / 6);
  return encoded.slice(begin, Math.floor(((before + bytes.length) * 8) / 6));
}

function bothAlphabets(base64: string): string[] {
  return [base64, base64.replaceAll("+", "-").replaceAll("/", "_")];
}

/** What encoders escape, from the strictest to the laxest: by RFC 3986, Python's `quote`, JavaScript's two. */
const escaped = [/[^\w.~-]/g, /[^\w.~/-]/g, /[^\w.~!'()*-]/g, /[^\w.~!'()*;,/?:@&=+$#-]/g] as const;
const everything = /[\s\S]/g;

function urlForms(bytes: Buffer): string[] {
  return escaped.flatMap((which) => {
    const upper = percentEncoded(bytes, which);
    const lower = upper.replace(/%../g, (sequence) => sequence.toLowerCase());
    return [upper, lower, upper.replaceAll("%20", "+")];
  });
}

function percentEncoded(bytes: Buffer, which: RegExp): string {
  return bytes
    .toString("latin1")
    .replace(
      which,
      (character) => `%${Buffer.from(character, "latin1").toString("hex").toUpperCase()}`,
    );
}

/** As JavaScript writes strings, as Go does, as those do that write ASCII alone, and in a string within a string. */
function jsonForms(text: string): string[] {
  const json = inJson(text);
  const forHtml = json.replace(/[<>&]/g, inUnicode);
  return [json, forHtml, json.replace(/[^\0-\x7f]/g, inUnicode), inJson(json)];
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function inUnicode(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Lines of a longer value, which programs print with something before each. */
function linesOf(text: string): string[] {
  const lines = text.split(/[\r\n]+/).map((line) => line.trim());
  if (lines.length === 1) return [];
  return lines.filter(
    (line) => Buffer.byteLength(line) >= lineBytesMin && !envelopeLine.test(line),
  );
}
