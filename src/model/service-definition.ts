import type { SecretEnv } from "./secrets.ts";

export const serviceStates = [
  "starting",
  "running",
  "restarting",
  "stopping",
  "stopped",
  "exited",
  "failed",
] as const;

export type ServiceState = (typeof serviceStates)[number];

/** Whether a service in this state may have processes. */
export function isLive(state: ServiceState): boolean {
  return state !== "stopped" && state !== "exited" && state !== "failed";
}

/** How a service shows that it is ready: `none` as soon as it runs. */
export type Readiness =
  | { readonly kind: "none" }
  /** A path of the guest that exists, relative to the service's directory. */
  | { readonly kind: "file"; readonly path: string }
  /** `HOST:PORT` of the guest itself, or a port alone. */
  | { readonly kind: "tcp"; readonly address: string }
  /** A URL of the guest itself that answers with a status from 200 to 399. */
  | { readonly kind: "http"; readonly url: string }
  /** Program and arguments that end with 0. */
  | { readonly kind: "command"; readonly command: readonly string[] }
  /** What a line of its output contains. */
  | { readonly kind: "log"; readonly text: string };

export type RestartPolicy = "no" | "on-failure";

/** What to publish: a port of the guest, and which of the host's. */
export interface PortToPublish {
  readonly guestPort: number;
  /** 0 or absent: one that is free. */
  readonly hostPort?: number | undefined;
}

/** A service as it was asked for: enough to start it again. */
export interface ServiceDefinition {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Secrets it gets, by name; their values are added when it is started. */
  readonly secretEnv?: SecretEnv;
  readonly readiness: Readiness;
  readonly readyTimeoutMs: number;
  readonly readyIntervalMs: number;
  readonly stopGraceMs: number;
  readonly restart: RestartPolicy;
  readonly publishedPorts: readonly PortToPublish[];
}

/** What a probe asks, in one line. */
export function readinessTarget(readiness: Readiness): string | null {
  switch (readiness.kind) {
    case "none":
      return null;
    case "file":
      return readiness.path;
    case "tcp":
      return readiness.address;
    case "http":
      return readiness.url;
    case "command":
      return readiness.command.join(" ");
    case "log":
      return readiness.text;
  }
}
