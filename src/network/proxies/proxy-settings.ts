import { userEnvironment } from "../../platform/config.ts";

/** What the user says about proxies, as the variables hold it; empty where they say nothing. There may be passwords in it. */
export interface ProxySettings {
  readonly http: string;
  readonly https: string;
  readonly all: string;
  /** What is reached without one. */
  readonly none: string;
}

const variables: Readonly<Record<keyof ProxySettings, string>> = {
  http: "HTTP_PROXY",
  https: "HTTPS_PROXY",
  all: "ALL_PROXY",
  none: "NO_PROXY",
};

/** Of this process, unless told otherwise; where both cases are set, the lower one counts, as it does for curl. */
export function proxySettings(
  environment: Readonly<Record<string, string | undefined>> = userEnvironment(),
): ProxySettings {
  const read = (of: keyof ProxySettings) => {
    const name = variables[of];
    return (environment[name.toLowerCase()] ?? environment[name] ?? "").trim();
  };
  return { http: read("http"), https: read("https"), all: read("all"), none: read("none") };
}

/** How people call the variable. */
export function proxyVariable(of: keyof ProxySettings): string {
  return variables[of];
}

/** Whether there is any proxy. */
export function namesProxy({ http, https, all }: ProxySettings): boolean {
  return http !== "" || https !== "" || all !== "";
}

/** The settings that `text` keeps; undefined where it is damaged. */
export function parseProxySettings(text: string): ProxySettings | undefined {
  try {
    const { http, https, all, none } = JSON.parse(text) as Partial<Record<string, unknown>>;
    const isText = (value: unknown) => typeof value === "string";
    if (!isText(http) || !isText(https) || !isText(all) || !isText(none)) return undefined;
    return { http, https, all, none };
  } catch {
    return undefined;
  }
}
