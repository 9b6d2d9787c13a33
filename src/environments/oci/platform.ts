import { isObject } from "../../model/bounded-json.ts";

/** The platform of every guest. */
export const guestPlatform = "linux/amd64";

/** Other names of the architecture, by tools that do not know Go's. */
const architectureAliases: ReadonlyMap<string, string> = new Map([
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
]);

/** `os/architecture[/variant]` of an object that names them; what it leaves out is `unknown`. */
export function platformName(value: unknown): string {
  const platform = isObject(value) ? value : {};
  const [os, architecture, variant] = [platform.os, platform.architecture, platform.variant].map(
    // A stranger's object may even refuse to be converted to text.
    (part) => (typeof part === "string" ? part.toLowerCase() : ""),
  );
  const known = architectureAliases.get(architecture ?? "") ?? architecture;
  const suffix = variant === "" || variant === "v1" ? "" : `/${variant}`;
  return `${os || "unknown"}/${known || "unknown"}${suffix}`;
}
