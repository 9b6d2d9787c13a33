import { asPyroError } from "../model/errors.ts";
import type { DoctorCheck } from "../model/results.ts";
import { Proxies } from "../network/proxies/proxies.ts";
import { proxyText } from "../network/proxies/proxy.ts";
import { namesProxy, proxySettings } from "../network/proxies/proxy-settings.ts";
import { ok, warn } from "./verdict.ts";

/** The proxies that guests are let out by; nothing where there are none. */
export function checkProxies(): DoctorCheck[] {
  const settings = proxySettings();
  if (!namesProxy(settings)) return [];
  try {
    const those = new Proxies(settings).list.map(proxyText).join(", ");
    return [ok("proxy", `what is let out goes through ${those}`)];
  } catch (error) {
    const { message, hint } = asPyroError(error);
    return [warn("proxy", message, hint ?? null)];
  }
}
