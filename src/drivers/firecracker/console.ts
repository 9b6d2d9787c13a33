import { execFile } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { toolEnvironment } from "../../platform/config.ts";

const name = "console";

/** Opened for both, so that the monitor may write whether or not anybody reads; what does not fit is lost, and holds up nobody. */
export const consoleFlags = constants.O_RDWR | constants.O_NONBLOCK;

/** Makes the pipe in the directory of a machine that outlives us, through which its console is read by one after the other. */
export async function makeConsolePipe(directory: string): Promise<string> {
  const path = consolePath(directory);
  await promisify(execFile)("mkfifo", ["--mode=600", path], { env: toolEnvironment() });
  return path;
}

export function consolePath(directory: string): string {
  return join(directory, name);
}

export function readConsolePipe(path: string): Readable {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
