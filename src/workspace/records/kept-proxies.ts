import { readFileSync, rmSync } from "node:fs";
import { PyroError, systemErrorCode } from "../../model/errors.ts";
import {
  namesProxy,
  type ProxySettings,
  parseProxySettings,
  proxySettings,
} from "../../network/proxies/proxy-settings.ts";
import { writeFileAtomicallySync } from "../../platform/files.ts";

/** Keeps this process's proxies with a workspace whose machine it starts: whoever looks after that sees another environment. For its user alone. */
export function keepProxies(path: string): void {
  const settings = proxySettings();
  if (!namesProxy(settings)) rmSync(path, { force: true });
  else writeFileAtomicallySync(path, `${JSON.stringify(settings)}\n`, { isFlushed: true });
}

/** What was kept; undefined where there was no proxy. Throws: nobody is let out another way than was meant. */
export function keptProxies(path: string): ProxySettings | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw unreadable(path, error);
  }
  const settings = parseProxySettings(text);
  if (settings === undefined) throw unreadable(path);
  return settings;
}

function unreadable(path: string, cause?: unknown): PyroError {
  return new PyroError("invalid_argument", `The workspace's proxies in ${path} cannot be read.`, {
    hint: "Stop the workspace and start it again: they are kept anew then.",
    cause,
  });
}
