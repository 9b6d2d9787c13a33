import {
  type Brokering,
  type CredentialOptions,
  credentialDefaults,
} from "../../model/credentials.ts";
import { PyroError } from "../../model/errors.ts";
import { checkSecretName } from "../../model/secrets.ts";
import { hostName } from "../../network/rule.ts";
import { newPlaceholder } from "./placeholder.ts";

const listMax = 32;
const methodPattern = /^[A-Za-z]{1,20}$/;
/** A path as requests have it: no query, nothing that a server might resolve to another one. */
const pathPattern = /^\/(?!.*(?:\/\.{1,2}(?:\/|$)|\/\/))[\w.~!$&'()*+,;=:@%/-]*$/;

/** The credential as it is kept, with a placeholder of its own. Throws `invalid_argument`. */
export function checkCredential(name: string, options: CredentialOptions): Brokering {
  const { hosts, methods, paths, variables = [name] } = options;
  if (hosts.length === 0)
    throw unusable(name, "names no host", "Name those where it is used: NAME=api.example.com");
  for (const list of [hosts, methods, paths, variables])
    if (list !== undefined && list.length > listMax)
      throw unusable(name, `has a list of ${list.length}; ${listMax} are the limit`);
  return {
    hosts: [...new Set(hosts.map((host) => checkHost(name, host)))],
    placeholder: newPlaceholder(name, options.placeholder),
    variables: variables.map((variable) => checkSecretName(variable, "the variable of a secret")),
    ...(methods !== undefined && { methods: methods.map((method) => checkMethod(name, method)) }),
    ...(paths !== undefined && { paths: paths.map((path) => checkPath(name, path)) }),
  };
}

/** The value if it can stand in a request; never quoted. */
export function checkCredentialValue(name: string, value: string): string {
  const text = value.replace(/[\r\n]+$/, "");
  if (/^[\x20-\x7e]+$/.test(text)) return text;
  throw unusable(
    name,
    "has a value with line breaks, control characters or letters beyond ASCII, which no request can carry",
  );
}

export function checkTtl(name: string, ttlSeconds: number = credentialDefaults.ttlSeconds): number {
  if (Number.isFinite(ttlSeconds) && ttlSeconds >= 1 && ttlSeconds <= 86_400) return ttlSeconds;
  throw unusable(name, `would hold for ${ttlSeconds} seconds`, "Give 1 to 86400 seconds.");
}

function checkHost(credential: string, text: string): string {
  const [, name = "", port] = /^(.*?)(?::(\d{1,5}))?$/.exec(text.trim()) ?? [];
  const isSuffix = name.startsWith("*.");
  const host = hostName(isSuffix ? name.slice(2) : name);
  const number = port === undefined ? 443 : Number(port);
  const hint = "Name hosts as api.example.com, api.example.com:8443 or *.example.com.";
  if (host === undefined || number < 1 || number > 65_535)
    throw unusable(credential, `is for ${JSON.stringify(text)}, which is no host`, hint);
  if (isSuffix && !host.includes("."))
    throw unusable(credential, `would be for every host below .${host}`, hint);
  return `${isSuffix ? "*." : ""}${host}${number === 443 ? "" : `:${number}`}`;
}

function checkMethod(credential: string, method: string): string {
  if (methodPattern.test(method)) return method.toUpperCase();
  throw unusable(
    credential,
    `is for the method ${JSON.stringify(method)}`,
    "Name methods such as GET,HEAD.",
  );
}

function checkPath(credential: string, path: string): string {
  if (pathPattern.test(path)) return path;
  throw unusable(
    credential,
    `is for the path ${JSON.stringify(path)}`,
    "Name what paths begin with, such as /repos/me, without a query.",
  );
}

function unusable(name: string, how: string, hint?: string): PyroError {
  return new PyroError("invalid_argument", `The credential ${name} ${how}.`, { hint });
}
