import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { workspaceFiles } from "../records/workspace-files.ts";

/** Which workspace a supervisor is for. */
export interface SupervisorOrder {
  readonly stateDirectory: string;
  readonly workspaceId: string;
}

/** The descriptor by which a supervisor that waits is told. */
export const orderDescriptor = 3;
const errorDescriptor = 2;

/**
 * Waits, for no workspace yet, to be told which one it is for, and says that it was. Undefined once nobody is there to tell: a
 * process that has ended, in whatever way, holds no end of the connection.
 */
export function awaitOrder(): Promise<SupervisorOrder | undefined> {
  process.title = "pyro standby supervisor";
  // What loading left behind.
  globalThis.gc?.();
  const keeper = new Socket({ fd: orderDescriptor });
  const { promise, resolve } = Promise.withResolvers<SupervisorOrder | undefined>();
  let text = "";
  keeper.on("data", (chunk) => {
    text += chunk.toString("utf8");
    if (!text.endsWith("\n")) return;
    const order = JSON.parse(text) as SupervisorOrder;
    writeErrorsTo(workspaceFiles(order.stateDirectory, order.workspaceId).supervisorLogPath);
    process.title = supervisorTitle(order);
    resolve(order);
    keeper.end("taken");
  });
  keeper.on("error", () => undefined);
  keeper.on("close", () => resolve(undefined));
  return promise;
}

export function supervisorTitle({ workspaceId }: SupervisorOrder): string {
  return `pyro supervisor ${workspaceId}`;
}

/** Node's last words, too, go where standard error is; the lowest free descriptor is the next one opened. */
function writeErrorsTo(path: string): void {
  closeSync(errorDescriptor);
  const opened = openSync(path, "a");
  if (opened !== errorDescriptor) throw new TypeError(`standard error is ${opened}`);
}
