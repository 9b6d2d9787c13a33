import {
  type CredentialOptions,
  nearest,
  PyroError,
  type ReadyCredentialName,
  readyCredential,
  readyCredentialNamed,
  readyCredentialNames,
  type SecretSource,
} from "../index.ts";

/** What `--credential` says: which secret is one, and where and how it is used. */
export interface CredentialSpec {
  /** Of the secret. */
  readonly name: string;
  readonly credential: CredentialOptions;
  readonly ttlSeconds?: number;
  /** The word for it, where it is ready-made. */
  readonly ready?: ReadyCredentialName;
}

const words = ["methods", "paths", "placeholder", "as", "ttl"] as const;
type Word = (typeof words)[number];
const form = "NAME=HOST[,HOST…], or one of those that are ready-made";

/** `github`, or `NAME=HOST[,HOST…]`, either followed by `methods=`, `paths=`, `placeholder=`, `as=` and `ttl=`. */
export function parseCredential(text: string): CredentialSpec {
  const [head = "", ...rest] = text.trim().split(/\s+/);
  const { methods, paths, placeholder, as, ttl } = wordsOf(text, rest);
  const more = {
    ...(methods !== undefined && { methods: listOf(methods) }),
    ...(paths !== undefined && { paths: listOf(paths) }),
    ...(placeholder !== undefined && { placeholder }),
    ...(as !== undefined && { variables: listOf(as) }),
  };
  const held = ttl === undefined ? {} : { ttlSeconds: secondsOf(text, ttl) };
  const equals = head.indexOf("=");
  if (equals < 0) {
    if (head === "") throw refuse(text, `Write ${form}: ${readyCredentialNames.join(", ")}.`);
    const { name, hostVariables: _, ...credential } = readyCredentialNamed(head);
    const ready = head as ReadyCredentialName;
    return { name, credential: { ...credential, ...more }, ready, ...held };
  }
  const name = head.slice(0, equals);
  const hosts = listOf(head.slice(equals + 1));
  if (name === "" || hosts.length === 0) throw refuse(text, `Write ${form}.`);
  return { name, credential: { hosts, ...more }, ...held };
}

/** The sources, with those of them credentials that are said to be. */
export function withCredentials(
  sources: readonly SecretSource[],
  specs: readonly CredentialSpec[],
): readonly SecretSource[] {
  const byName = new Map<string, CredentialSpec>();
  for (const spec of specs) {
    if (byName.has(spec.name))
      throw new PyroError("invalid_argument", `The credential ${spec.name} is given twice.`, {
        hint: "Name all its hosts at once: NAME=HOST,HOST.",
      });
    byName.set(spec.name, spec);
  }
  const given = new Set(sources.map(({ name }) => name));
  const made = sources.map((source) => {
    const spec = byName.get(source.name);
    return spec === undefined ? source : brokered(source, spec);
  });
  const others = specs.filter(({ name }) => !given.has(name)).map(readyOne);
  return [...made, ...others];
}

function brokered(source: SecretSource, { credential, ttlSeconds }: CredentialSpec): SecretSource {
  if ("command" in source) return { ...source, credential, ttlSeconds };
  if (ttlSeconds === undefined) return { ...source, credential };
  throw new PyroError(
    "invalid_argument",
    `The credential ${source.name} has a ttl, but its value is not printed by a command.`,
    { hint: `Leave ttl out, or give --credential-command ${source.name}=COMMAND.` },
  );
}

function readyOne(spec: CredentialSpec): SecretSource {
  if (spec.ready !== undefined) return brokered(readyCredential(spec.ready), spec);
  throw new PyroError("invalid_argument", `The credential ${spec.name} has no value.`, {
    hint: `Give --secret-file ${spec.name}=PATH, --secret-from-env ${spec.name}[=VAR] or --credential-command ${spec.name}=COMMAND.`,
  });
}

function wordsOf(text: string, parts: readonly string[]): Partial<Record<Word, string>> {
  const found: Partial<Record<Word, string>> = {};
  for (const part of parts) {
    const equals = part.indexOf("=");
    const said = equals < 0 ? part : part.slice(0, equals);
    const word = words.find((one) => one === said);
    if (word === undefined || equals < 0) {
      const meant = nearest(said, words);
      const all = `After the hosts come ${words.map((one) => `${one}=…`).join(", ")}.`;
      throw new PyroError(
        "invalid_argument",
        `${JSON.stringify(part)} is nothing that --credential ${JSON.stringify(text.trim().split(/\s/, 1)[0])} may say.`,
        { hint: meant === undefined ? all : `Did you mean ${meant}=…?` },
      );
    }
    if (found[word] !== undefined) throw refuse(text, `Say ${word}=… once, as a list: a,b.`);
    found[word] = part.slice(equals + 1);
  }
  return found;
}

function listOf(text: string): string[] {
  return text.split(",").filter((entry) => entry !== "");
}

function secondsOf(text: string, ttl: string): number {
  if (/^\d{1,6}$/.test(ttl)) return Number(ttl);
  throw refuse(text, "Give ttl in whole seconds: ttl=900.");
}

function refuse(text: string, hint: string): PyroError {
  return new PyroError(
    "invalid_argument",
    `--credential ${JSON.stringify(text)} is no credential.`,
    {
      hint,
    },
  );
}
