import { PyroError, systemErrorCode } from "../../model/errors.ts";
import { quoteForeign } from "./quote.ts";
import { PassingFailure } from "./retry.ts";

/** System errors of connections that may succeed a moment later. */
const passing = new Set([
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EAI_AGAIN",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: "its name does not resolve",
  EAI_AGAIN: "the name server does not answer",
  ECONNREFUSED: "nothing listens there",
  EPROTO: "it does not speak TLS",
};

/** What a failed connection to `url` means; errors that are already ours pass through. */
export function networkFailure(error: unknown, url: URL): unknown {
  if (error instanceof PyroError || (error instanceof Error && error.name === "AbortError"))
    return error;
  const code = systemErrorCode(error) ?? "";
  const host = quoteForeign(url.host);
  if (passing.has(code))
    return new PassingFailure(`The connection to ${host} broke (${code}).`, {
      hint: "Check the network and pull again; what has arrived is kept.",
      cause: error,
    });
  if (code.startsWith("HPE_"))
    return new PyroError("registry_lied", `${host} does not speak HTTP (${code}).`, {
      hint: "Check the registry's name and port.",
      cause: error,
    });
  const why = reasons[code] ?? (error instanceof Error ? quoteForeign(error.message) : code);
  return new PyroError("registry_unreachable", `${host} cannot be reached: ${why}.`, {
    hint: reachHint(code),
    cause: error,
  });
}

/** A registry that stopped sending. */
export function stalled(url: URL, silenceMs: number): PassingFailure {
  return new PassingFailure(
    `${quoteForeign(url.host)} stalled: next to nothing came for ${silenceMs / 1000} s.`,
    { hint: "Check the network and pull again; what has arrived is kept." },
  );
}

function reachHint(code: string): string {
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code))
    return "Add the registry's certificate authority with NODE_EXTRA_CA_CERTS.";
  if (code === "EPROTO")
    return "If the registry has no TLS and you trust it, list its HOST:PORT in PYRO_INSECURE_REGISTRIES.";
  return "Check the registry's name and port, and the network.";
}
