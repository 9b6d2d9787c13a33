import { spawnSync } from "node:child_process";

/** What npm needs in another home to reach what it reaches in ours, with what it has fetched already, and quietly. */
export function npmEnvironment(): Record<string, string> {
  return {
    ...roads(),
    npm_config_registry: setting("registry"),
    npm_config_cache: setting("cache"),
    npm_config_prefer_offline: "true",
    npm_config_fetch_retries: "1",
    npm_config_progress: "false",
    npm_config_fund: "false",
    npm_config_audit: "false",
    npm_config_update_notifier: "false",
  };
}

/** How this host reaches mirrors and registries, where it does so in a way of its own. */
function roads(): Record<string, string> {
  const names = /^(PYRO_DEBIAN_MIRROR|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|\w+_proxy)$/i;
  const entries = Object.entries(process.env).filter(([name]) => names.test(name));
  return Object.fromEntries(entries) as Record<string, string>;
}

function setting(name: string): string {
  return spawnSync("npm", ["config", "get", name], { encoding: "utf8" }).stdout.trim();
}
