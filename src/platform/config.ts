import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { PyroError } from "../model/errors.ts";

/** One environment variable pyro reads. `docs/environment-variables.md` is generated from this list. */
export interface EnvironmentVariable {
  readonly name: string;
  /** What it does, one sentence. */
  readonly meaning: string;
  /** What holds when it is not set. */
  readonly fallback: string;
}

/** The only list of environment variables; nothing else in the project reads `process.env`. */
export const environmentVariables = [
  {
    name: "PYRO_CACHE_DIR",
    meaning: "Where environments, kernels and templates are kept; may be deleted at any time.",
    fallback: "$XDG_CACHE_HOME/pyro, else ~/.cache/pyro",
  },
  {
    name: "PYRO_STATE_DIR",
    meaning: "Where VMs, workspaces and the registry are kept; user data.",
    fallback: "$XDG_STATE_HOME/pyro, else ~/.local/state/pyro",
  },
  {
    name: "PYRO_REQUIRE_KVM",
    meaning: "Set to 1, refuses to run guests in software emulation.",
    fallback: "emulation is used where KVM does not work",
  },
  {
    name: "PYRO_DRIVER",
    meaning:
      "What runs guests: `auto`, `firecracker` or `qemu`; one that is named is used or nothing is.",
    fallback:
      "`auto`: Firecracker where it is installed and a guest comes up on KVM, else QEMU on KVM, else QEMU in emulation",
  },
  {
    name: "PYRO_FIRECRACKER",
    meaning: "Absolute path of the Firecracker program.",
    fallback: "`firecracker` on the PATH",
  },
  {
    name: "PYRO_DEBIAN_MIRROR",
    meaning: "Archive mirror for the Debian environments and the guest kernel.",
    fallback: "the mirror mmdebstrap would use",
  },
  {
    name: "PYRO_REGISTRY_AUTH_FILE",
    meaning: "Credentials for image registries, in the format of Docker's config.json.",
    fallback: "$DOCKER_CONFIG/config.json, else ~/.docker/config.json",
  },
  {
    name: "PYRO_INSECURE_REGISTRIES",
    meaning:
      "Comma-separated HOST:PORT of registries that may be spoken to without TLS and on private addresses.",
    fallback: "none",
  },
  {
    name: "PYRO_LOG_MIB",
    meaning:
      "Room in MiB that the output of one workspace's commands may take; the oldest goes first, and `pyro workspace logs` says so.",
    fallback: "1024",
  },
  {
    name: "PYRO_UNATTENDED_SECONDS",
    meaning:
      "How long a workspace's machine runs on when its supervisor was killed and no pyro is called; then it is ended and its files are kept.",
    fallback: "600",
  },
  {
    name: "PYRO_STANDBY",
    meaning:
      "Set to 1, has each command make another machine ready when it has ended, as `pyro standby on` does for all; set to 0, nobody does, MCP servers included.",
    fallback: "as `pyro standby on` and `off` say; MCP servers do",
  },
  {
    name: "PYRO_PATIENCE",
    meaning:
      "Multiplies how long pyro waits for a guest to boot and for a supervisor to start, on a host that is slower than most.",
    fallback: "1",
  },
  {
    name: "PYRO_TRACE",
    meaning: "Set to 1, prints the phases of each run with their times on stderr.",
    fallback: "silent",
  },
  {
    name: "PYRO_FAULT",
    meaning:
      "Makes a checkout fail on purpose at a named point, for tests; a published pyro refuses it.",
    fallback: "nothing fails on purpose",
  },
  {
    name: "CLAUDE_CONFIG_DIR",
    meaning: "Where Claude Code keeps its configuration; read by `pyro host`.",
    fallback: "~/.claude.json",
  },
  {
    name: "CODEX_HOME",
    meaning: "Where Codex keeps its configuration; read by `pyro host`.",
    fallback: "~/.codex",
  },
  {
    name: "XDG_CONFIG_HOME",
    meaning:
      "Base of OpenCode's configuration, read by `pyro host`, and of package managers' (docs/network.md).",
    fallback: "~/.config",
  },
  ...(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] as const).map((name) => ({
    name,
    meaning:
      "The proxy by which programs of a guest that is let out reach the outside (docs/network.md); in lower case too.",
    fallback: "they reach it directly",
  })),
  {
    name: "NO_PROXY",
    meaning: "What they reach without one; in lower case too.",
    fallback: "nothing",
  },
  { name: "DOCKER_CONFIG", meaning: "Folder of Docker's config.json.", fallback: "~/.docker" },
  { name: "XDG_CACHE_HOME", meaning: "Base of the cache directory.", fallback: "~/.cache" },
  { name: "XDG_STATE_HOME", meaning: "Base of the state directory.", fallback: "~/.local/state" },
  {
    name: "NO_COLOR",
    meaning: "Set to anything, turns colour off.",
    fallback: "colour on terminals",
  },
] as const satisfies readonly EnvironmentVariable[];

type VariableName = (typeof environmentVariables)[number]["name"];

const driverChoices = ["auto", "firecracker", "qemu"] as const;

/** What is to run guests; `auto`: the best that does. */
export type DriverChoice = (typeof driverChoices)[number];

/** Settings of one process, all resolved. Paths are absolute. */
export interface Config {
  readonly cacheDirectory: string;
  readonly stateDirectory: string;
  readonly requireKvm: boolean;
  readonly driver: DriverChoice;
  /** Path of the Firecracker program, or undefined to look for it on the PATH. */
  readonly firecrackerPath: string | undefined;
  /** Archive mirror, or undefined for the tool's own default. */
  readonly debianMirror: string | undefined;
  readonly registryAuthFile: string;
  readonly insecureRegistries: readonly string[];
  /** Room that the output of one workspace's commands may take. */
  readonly logBytesMax: number;
  /** How long a workspace's machine runs on when nobody looks after it. */
  readonly unattendedSecondsMax: number;
  /** Whether machines are made ready for whoever asks next; `default`: by MCP servers, and where `pyro standby on` said so. */
  readonly standby: "on" | "off" | "default";
  readonly trace: boolean;
  readonly noColor: boolean;
}

/** Reads the settings from `source` (default: this process's environment). */
export function readConfig(source: NodeJS.ProcessEnv = process.env): Config {
  const read = (name: VariableName): string | undefined => source[name] || undefined;
  // The specification of these variables says that a relative path in them counts for nothing.
  const base = (name: VariableName) => {
    const path = read(name);
    return path !== undefined && isAbsolute(path) ? path : undefined;
  };
  const home = source.HOME || homedir();
  return {
    cacheDirectory: read("PYRO_CACHE_DIR")
      ? absolute("PYRO_CACHE_DIR", read("PYRO_CACHE_DIR"))
      : join(base("XDG_CACHE_HOME") ?? join(home, ".cache"), "pyro"),
    stateDirectory: read("PYRO_STATE_DIR")
      ? absolute("PYRO_STATE_DIR", read("PYRO_STATE_DIR"))
      : join(base("XDG_STATE_HOME") ?? join(home, ".local", "state"), "pyro"),
    requireKvm: read("PYRO_REQUIRE_KVM") === "1",
    driver: driverChoice(read("PYRO_DRIVER") ?? "auto"),
    firecrackerPath: read("PYRO_FIRECRACKER")
      ? absolute("PYRO_FIRECRACKER", read("PYRO_FIRECRACKER"))
      : undefined,
    debianMirror: read("PYRO_DEBIAN_MIRROR"),
    registryAuthFile:
      read("PYRO_REGISTRY_AUTH_FILE") ??
      join(read("DOCKER_CONFIG") ?? join(home, ".docker"), "config.json"),
    insecureRegistries: (read("PYRO_INSECURE_REGISTRIES") ?? "")
      .split(",")
      .map((entry) => entry.trim())
      .filter(Boolean),
    logBytesMax: mebibytes("PYRO_LOG_MIB", read("PYRO_LOG_MIB") ?? "1024"),
    unattendedSecondsMax: positiveNumber("PYRO_UNATTENDED_SECONDS", {
      value: read("PYRO_UNATTENDED_SECONDS") ?? "600",
      unit: "seconds",
    }),
    standby: standbyChoice(read("PYRO_STANDBY")),
    trace: read("PYRO_TRACE") === "1",
    noColor: source.NO_COLOR !== undefined && source.NO_COLOR !== "",
  };
}

function standbyChoice(value: string | undefined): Config["standby"] {
  if (value === undefined) return "default";
  return value === "0" ? "off" : "on";
}

function driverChoice(value: string): DriverChoice {
  const choice = driverChoices.find((known) => known === value);
  if (choice !== undefined) return choice;
  throw new PyroError("invalid_argument", `PYRO_DRIVER is "${value}", which is no driver.`, {
    hint: `Set it to one of: ${driverChoices.join(", ")}.`,
  });
}

function absolute(name: VariableName, value: string | undefined): string {
  if (value !== undefined && isAbsolute(value)) return value;
  throw new PyroError("invalid_argument", `${name} must be an absolute path, but is "${value}".`, {
    hint: `Set ${name} to a path that starts with "/".`,
  });
}

function mebibytes(name: VariableName, value: string): number {
  return positiveNumber(name, { value, unit: "MiB" }) * 1024 * 1024;
}

function positiveNumber(
  name: VariableName,
  { value, unit }: { readonly value: string; readonly unit: string },
): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new PyroError(
    "invalid_argument",
    `${name} must be a number of ${unit}, but is "${value}".`,
    {
      hint: `Set ${name} to a whole number of at least 1.`,
    },
  );
}

/** Everything the user's shell gave us, for programs that are to find what they find when the user starts them. */
export function userEnvironment(): Readonly<Record<string, string>> {
  const entries = Object.entries(process.env).filter((entry) => entry[1] !== undefined);
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Where this process is to fail on purpose; see fault.ts. */
export function faultSetting(): string | undefined {
  return process.env.PYRO_FAULT || undefined;
}

/** By how much deadlines for what starts on this host are longer than elsewhere. */
export function patience(): number {
  return positiveNumber("PYRO_PATIENCE", {
    value: process.env.PYRO_PATIENCE || "1",
    unit: "times",
  });
}

/** Where Node finds whom this machine trusts beside its own list. */
const trustVariables = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/** The environment of a supervisor: the same places and the same trust as ours, and nothing else of the user's that could matter. */
export function supervisorEnvironment(config: Config): Record<string, string> {
  const trust = trustVariables.flatMap((name) => {
    const paths = process.env[name];
    // It runs in another directory.
    return paths
      ? [
          [
            name,
            paths
              .split(":")
              .map((path) => resolve(path))
              .join(":"),
          ],
        ]
      : [];
  });
  return {
    ...toolEnvironment(),
    ...Object.fromEntries(trust),
    PYRO_CACHE_DIR: config.cacheDirectory,
    PYRO_STATE_DIR: config.stateDirectory,
    PYRO_LOG_MIB: String(config.logBytesMax / (1024 * 1024)),
    ...(process.env.PYRO_PATIENCE && { PYRO_PATIENCE: process.env.PYRO_PATIENCE }),
    ...(process.env.PYRO_FAULT && { PYRO_FAULT: process.env.PYRO_FAULT }),
  };
}

/** The environment of a process that starts machines for us: with the same driver as ours. */
export function keeperEnvironment(config: Config): Record<string, string> {
  return {
    ...supervisorEnvironment(config),
    PYRO_DRIVER: config.driver,
    ...(config.requireKvm && { PYRO_REQUIRE_KVM: "1" }),
    ...(config.firecrackerPath !== undefined && { PYRO_FIRECRACKER: config.firecrackerPath }),
  };
}

/** The environment for programs pyro starts: only what they need to find themselves and speak plainly. */
export function toolEnvironment(): {
  PATH: string;
  LC_ALL: string;
  HOME?: string;
  TMPDIR?: string;
} {
  const { PATH, HOME, TMPDIR } = process.env;
  // Tools for file systems live where only root's PATH looks.
  const path = `${PATH ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;
  return { PATH: path, LC_ALL: "C.UTF-8", ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }) };
}

/** What Node, its libraries and the loader read once, when a process starts. */
const runtimeVariables = /^(NODE_|UV_|V8_|SSL_|OPENSSL_|LD_|MALLOC_|GLIBC_|LC_|LANG$|LANGUAGE$|TZ)/;

function runtimeOf(source: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(source).filter(([name]) => runtimeVariables.test(name));
  return Object.fromEntries(entries.sort()) as Record<string, string>;
}

/** The environment of a process that will run somebody's command line: started like one of his own, and keeping nothing until then. */
export function preloadedEnvironment(config: Config): Record<string, string> {
  const { LC_ALL: _, ...keeper } = keeperEnvironment(config);
  return { ...keeper, ...runtimeOf(process.env), PYRO_STANDBY: "0" };
}

/** Whether a process with this environment would have started as this one did. */
export function suitsRuntime(environment: NodeJS.ProcessEnv): boolean {
  return JSON.stringify(runtimeOf(environment)) === JSON.stringify(runtimeOf(process.env));
}

/** From here on this process has the environment of whoever gave it his command line. */
export function becomeCaller(environment: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, environment);
}
