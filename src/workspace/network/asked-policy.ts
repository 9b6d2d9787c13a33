import { defaultEgressPolicy, type EgressOptions, type EgressPolicy } from "../../model/egress.ts";
import { PyroError } from "../../model/errors.ts";
import { namesProxy, proxySettings } from "../../network/proxies/proxy-settings.ts";

/** The policy asked for; `isOut` says whether there is a way out at all, without which none may be asked for. */
export async function askedPolicy(
  { networkPreset, allowHosts = [], denyHosts = [] }: EgressOptions,
  isOut: boolean,
): Promise<EgressPolicy> {
  const isAsked = networkPreset !== undefined || allowHosts.length > 0 || denyHosts.length > 0;
  if (isAsked && !isOut)
    throw new PyroError(
      "invalid_argument",
      "Hosts or a preset of the network are given, but no network is asked for.",
      { hint: "Add --network to run, or --network-policy egress to workspace create." },
    );
  if (isOut) await checkProxies();
  if (!isAsked) return defaultEgressPolicy;
  // Most machines are let out nowhere, and need none of this.
  const [{ policyHere }, { askedRule }] = await Promise.all([
    import("../../network/policy.ts"),
    import("../../network/rule.ts"),
  ]);
  const preset = networkPreset ?? (allowHosts.length > 0 ? "none" : defaultEgressPolicy.preset);
  const rules = [
    ...allowHosts.map((text) => askedRule("allow", text).text),
    ...denyHosts.map((text) => askedRule("deny", text).text),
  ];
  return policyHere({ preset, rules });
}

/** For whom a way out is asked where commands would run without isolation: nothing could hold them to any rules. */
export function noRulesWithoutIsolation(): PyroError {
  return new PyroError(
    "not_supported",
    "No guest can run here, and without isolation nothing decides what commands reach: they would use this machine's own network.",
    {
      hint: "Ask for no network, or find out what keeps guests from running: pyro doctor",
    },
  );
}

/** Throws where this machine's proxies cannot be used: nobody would be let out. */
async function checkProxies(): Promise<void> {
  const settings = proxySettings();
  if (!namesProxy(settings)) return;
  const { Proxies } = await import("../../network/proxies/proxies.ts");
  new Proxies(settings);
}
