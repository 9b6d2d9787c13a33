import { PyroError } from "../model/errors.ts";
import { faultSetting } from "./config.ts";

/** Where the process can be made to fail on purpose, so that tests see what is left. */
export type FaultPoint =
  | "create.recorded"
  | "create.directory"
  | "create.started"
  | "create.extracted"
  | "create.seeded"
  | "start.recorded"
  | "start.started"
  | "standby.started"
  | "standby.warmed"
  | "standby.ready"
  | "standby.claimed"
  | "standby.attached"
  | "standby.recorded"
  | "standby.disk-moved"
  | "standby.moved"
  | "end.asked"
  | "stop.recorded"
  | "stop.powered-off"
  | "delete.recorded"
  | "delete.killed"
  | "delete.removed"
  | "reset.recorded"
  | "reset.prepared"
  | "reset.ended"
  | "reset.recorded-switch"
  | "reset.switched"
  | "reset.started"
  | "snapshot.captured"
  | "snapshot.recorded"
  | "export.written"
  | "exec.begun"
  | "exec.journaled"
  | "exec.ended";

const passes = new Map<string, number>();

/** Does nothing, unless `PYRO_FAULT=POINT[:N]:kill|enospc|eio|stall` names this point; then the Nth pass fails so. */
export function faultPoint(point: FaultPoint): void {
  const setting = faultSetting();
  if (setting === undefined) return;
  refuseInPackage();
  const [name, ...rest] = setting.split(":");
  if (name !== point) return;
  const action = rest.at(-1);
  const pass = (passes.get(point) ?? 0) + 1;
  passes.set(point, pass);
  if (pass !== Number(rest.length > 1 ? rest[0] : 1)) return;
  act(point, action);
}

function act(point: FaultPoint, action: string | undefined): void {
  switch (action) {
    case "kill":
      process.kill(process.pid, "SIGKILL");
      // The signal is on its way; nothing may happen before it arrives.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
      return;
    case "stall":
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
      return;
    case "enospc":
    case "eio":
      throw Object.assign(new TypeError(`${action} at ${point}, as PYRO_FAULT says`), {
        code: action.toUpperCase(),
      });
    default:
      throw new PyroError("invalid_argument", `PYRO_FAULT asks for "${action}".`, {
        hint: "Use kill, enospc, eio or stall.",
      });
  }
}

/** Only sources fail on purpose. */
function refuseInPackage(): void {
  if (import.meta.url.endsWith(".ts")) return;
  throw new PyroError("invalid_argument", "PYRO_FAULT is set, but this is a published pyro.", {
    hint: "Unset PYRO_FAULT.",
  });
}
