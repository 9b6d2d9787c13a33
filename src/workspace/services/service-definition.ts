import { posix } from "node:path";
import { PyroError } from "../../model/errors.ts";
import { defaults, limits } from "../../model/limits.ts";
import { runnableCommand, wholeNumber } from "../../model/machine-options.ts";
import type {
  PortToPublish,
  Readiness,
  ServiceDefinition,
} from "../../model/service-definition.ts";
import { checkEnvironmentVariables } from "../machines/environment-entries.ts";
import { checkPort } from "../ports/check-port.ts";
import type { StartServiceOptions } from "./service-options.ts";

const textMax = 4096;

/** The service asked for, every value checked; `root` is where the workspace's files are in the guest. */
export function serviceDefinition(options: StartServiceOptions, root: string): ServiceDefinition {
  const { restart = "no", env = {} } = options;
  checkEnvironmentVariables(env);
  if (restart !== "no" && restart !== "on-failure")
    throw new PyroError(
      "invalid_argument",
      `restart is ${JSON.stringify(restart)}, but must be no or on-failure.`,
    );
  return {
    command: runnableCommand(options.command),
    cwd: posix.resolve(root, options.cwd ?? "."),
    env,
    ...(options.secretEnv !== undefined && { secretEnv: options.secretEnv }),
    readiness: checkReadiness(options.readiness ?? { kind: "none" }),
    readyTimeoutMs: secondsAsMs("readyTimeoutSeconds", {
      seconds: options.readyTimeoutSeconds ?? defaults.readyTimeoutSeconds,
      min: 0.001,
      max: limits.readyTimeoutSecondsMax,
    }),
    readyIntervalMs: wholeNumber({
      name: "readyIntervalMs",
      value: options.readyIntervalMs ?? defaults.readyIntervalMs,
      min: limits.readyIntervalMsMin,
      max: limits.readyIntervalMsMax,
    }),
    stopGraceMs: secondsAsMs("stopGraceSeconds", {
      seconds: options.stopGraceSeconds ?? defaults.stopGraceSeconds,
      min: 0,
      max: limits.stopGraceSecondsMax,
    }),
    restart,
    publishedPorts: checkPorts(options.publishedPorts ?? []),
  };
}

function secondsAsMs(
  name: string,
  { seconds, min, max }: { readonly seconds: number; readonly min: number; readonly max: number },
): number {
  if (seconds >= min && seconds <= max) return Math.ceil(seconds * 1000);
  throw new PyroError(
    "invalid_argument",
    `${name} is ${seconds}, but must be ${min === 0 ? "at least 0" : "more than 0"} and at most ${max}.`,
  );
}

function checkPorts(ports: readonly (number | PortToPublish)[]): PortToPublish[] {
  const asked = ports.map((port) =>
    checkPort(typeof port === "number" ? { guestPort: port } : port),
  );
  const taken = asked.map(({ hostPort = 0 }) => hostPort).filter((port) => port !== 0);
  const twice = taken.find((port, index) => taken.indexOf(port) !== index);
  if (twice === undefined) return asked;
  throw new PyroError("invalid_argument", `Port ${twice} of this machine is asked for twice.`);
}

function checkReadiness(readiness: Readiness): Readiness {
  switch (readiness.kind) {
    case "none":
      return readiness;
    case "file":
      return { kind: "file", path: checkText("The file", readiness.path) };
    case "tcp":
      return { kind: "tcp", address: checkAddress(readiness.address) };
    case "http":
      return { kind: "http", url: checkUrl(readiness.url) };
    case "command":
      return { kind: "command", command: runnableCommand(readiness.command) };
    case "log":
      return { kind: "log", text: checkText("The text of a log line", readiness.text) };
    default: {
      const { kind } = readiness as { kind: unknown };
      throw new PyroError(
        "invalid_argument",
        `The kind of readiness is ${JSON.stringify(kind)}, but must be file, tcp, http, command, log or none.`,
      );
    }
  }
}

function checkText(what: string, text: string): string {
  if (text !== "" && text.length <= textMax && !/[\0\r\n]/.test(text)) return text;
  throw new PyroError(
    "invalid_argument",
    `${what} is ${JSON.stringify(text.slice(0, 80))}, but must be one line of at most ${textMax} characters.`,
  );
}

/** `HOST:PORT`, `:PORT` or `PORT`, with a host that is the guest itself. */
function checkAddress(address: string): string {
  const [, host = "", port = ""] = /^(?:(.*):)?(\d{1,5})$/.exec(address) ?? [];
  const number = Number(port);
  if (port === "" || number < 1 || number > 65_535)
    throw new PyroError(
      "invalid_argument",
      `"${address}" is not HOST:PORT, with a port from 1 to 65535.`,
      { hint: "For example localhost:8000, or 8000 alone." },
    );
  requireOwnHost(host === "" ? "localhost" : host, address);
  return `${host === "" ? "localhost" : host}:${number}`;
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (
    url === undefined ||
    !isHttp ||
    url.username !== "" ||
    url.port === "0" ||
    text.length > textMax
  )
    throw new PyroError("invalid_argument", `"${text.slice(0, 80)}" is not an http or https URL.`, {
      hint: "For example http://localhost:8000/health",
    });
  requireOwnHost(url.hostname, text);
  return url.href;
}

/** A probe runs in the guest and asks the guest: there is nothing else that it could reach. */
function requireOwnHost(host: string, given: string): void {
  const name = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (name === "localhost" || name === "::1" || name === "0.0.0.0" || name === "::") return;
  if (/^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name)) return;
  throw new PyroError(
    "invalid_argument",
    `"${given.slice(0, 80)}" is not an address of the guest.`,
    {
      hint: "A probe asks the guest itself: use localhost, 127.0.0.1 or [::1].",
    },
  );
}
