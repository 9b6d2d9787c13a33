import { PyroError } from "../../model/errors.ts";
import { quoteForeign } from "./quote.ts";

/** Where a redirect may lead: `same-host` for what must come from the registry itself. */
export type RedirectRule = "same-host" | "anywhere";

/** The address a redirect leads to, if it may lead there; its host is checked when it is visited. */
export function redirectTarget(from: URL, location: string | undefined, rule: RedirectRule): URL {
  if (location === undefined || !URL.canParse(location, from.href))
    throw new PyroError(
      "registry_lied",
      `${quoteForeign(from.host)} redirects to ${location === undefined ? "nowhere" : quoteForeign(location)}.`,
      { hint: "Use another registry; this one is broken." },
    );
  const target = new URL(location, from);
  if (from.protocol === "https:" && target.protocol !== "https:")
    throw refused(from, target, "which gives up encryption");
  if (rule === "same-host" && target.host !== from.host)
    throw refused(from, target, "and only layers may come from another host");
  return target;
}

function refused(from: URL, target: URL, why: string): PyroError {
  return new PyroError(
    "address_refused",
    `${quoteForeign(from.host)} redirects to ${quoteForeign(target.href)}, ${why}.`,
    { hint: "Name the host that has the image in the reference itself." },
  );
}
