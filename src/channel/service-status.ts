import { isObject, type JsonObject } from "../model/bounded-json.ts";
import { PyroError } from "../model/errors.ts";
import { type ServiceState, serviceStates } from "../model/service-definition.ts";
import { visibleText } from "../model/text.ts";
import { isNotStartedReason, type NotStartedReason } from "./exec.ts";

/** What an agent says of a service; its words are made harmless. */
export interface AgentService {
  readonly name: string;
  readonly state: ServiceState;
  /** Tells one start of a name from the next. */
  readonly run: number;
  /** Grows with every change of any service. */
  readonly change: number;
  readonly startedAtMs: number | null;
  readonly readyAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly restartCount: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly outOfMemory: boolean;
  readonly notStarted: NotStartedReason | null;
  readonly message: string;
  /** It was ended because it was not ready in time. */
  readonly timedOut: boolean;
  readonly lastProbe: string | null;
}

/** More than any agent of ours tells of, and few enough to look at. */
const servicesMax = 256;
const textMax = 20_000;

export function parseServiceList(answer: JsonObject): AgentService[] {
  const { services } = answer;
  if (!Array.isArray(services) || services.length > servicesMax) throw unusable("services");
  return services.map((one: unknown) => {
    if (!isObject(one)) throw unusable("services");
    return parseService(one);
  });
}

export function parseService(answer: JsonObject): AgentService {
  const { name, state, last_probe: lastProbe } = answer;
  if (typeof name !== "string" || !/^[\w.-]{1,63}$/.test(name)) throw unusable("name");
  if (!isState(state)) throw unusable("state");
  return {
    name,
    state,
    run: whole(answer, "run") ?? 0,
    change: whole(answer, "change") ?? 0,
    startedAtMs: moment(answer, "started_at_ms"),
    readyAtMs: moment(answer, "ready_at_ms"),
    endedAtMs: moment(answer, "ended_at_ms"),
    restartCount: whole(answer, "restart_count") ?? 0,
    exitCode: exitCode(answer),
    signal: signalName(answer.signal),
    outOfMemory: answer.oom_killed === true,
    notStarted: notStartedReason(answer.not_started),
    message: visibleText(String(answer.message ?? ""), textMax),
    timedOut: answer.timed_out === true,
    lastProbe: typeof lastProbe === "string" ? visibleText(lastProbe, textMax) : null,
  };
}

function signalName(signal: unknown): string | null {
  if (signal === undefined) return null;
  if (typeof signal === "string" && /^[A-Z0-9+]{1,12}$/.test(signal)) return signal;
  throw unusable("signal");
}

function notStartedReason(reason: unknown): NotStartedReason | null {
  if (reason === undefined) return null;
  if (typeof reason === "string" && isNotStartedReason(reason)) return reason;
  throw unusable("not_started");
}

function isState(state: unknown): state is ServiceState {
  return (serviceStates as readonly unknown[]).includes(state);
}

function exitCode(answer: JsonObject): number | null {
  const code = whole(answer, "exit_code");
  if (code !== null && code > 255) throw unusable("exit_code");
  return code;
}

/** Absent is null. */
function whole(answer: JsonObject, name: string): number | null {
  const value = answer[name];
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw unusable(name);
}

/** Of the guest's clock, which may say anything that is a date. */
function moment(answer: JsonObject, name: string): number | null {
  const value = whole(answer, name);
  if (value !== null && value > maximalDateMs) throw unusable(name);
  return value;
}

const maximalDateMs = 8_640_000_000_000_000;

function unusable(field: string): PyroError {
  return new PyroError(
    "guest_protocol_error",
    `The guest agent spoke of a service without a usable "${field}".`,
  );
}
