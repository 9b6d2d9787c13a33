import { asPyroError } from "../model/errors.ts";
import type { DoctorCheck } from "../model/results.ts";
import { namesProxy, proxySettings } from "../network/proxies/proxy-settings.ts";
import { ok, warn } from "./verdict.ts";

/** The proxies that guests are let out by; nothing where there are none. */
export async function checkProxies(): Promise<DoctorCheck[]> {
  const settings = proxySettings();
  if (!namesProxy(settings)) return [];
  const { Proxies } = await import("../network/proxies/proxies.ts");
  const { proxyText } = await import("../network/proxies/proxy.ts");
  try {
    const those = new Proxies(settings).list.map(proxyText).join(", ");
    return [ok("proxy", `what is let out goes through ${those}`)];
  } catch (error) {
    const { message, hint } = asPyroError(error);
    return [warn("proxy", message, hint ?? null)];
  }
}
