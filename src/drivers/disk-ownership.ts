import { fchmodSync, fchownSync, fstatSync } from "node:fs";
import { jailIdentity } from "./jail.ts";

const readableByAll = 0o044;

/** Lets a monitor that opens its files anew write to one. It has our identity where we are no root, and so the right to. */
export function giveToMonitor(fd: number): void {
  const { uid, gid } = jailIdentity();
  if (uid !== undefined && gid !== undefined) fchownSync(fd, uid, gid);
}

/** Takes a file back that a monitor once owned: whoever owns a file can give himself leave to write to it. */
export function takeFromMonitor(fd: number): void {
  if (jailIdentity().uid === undefined) return;
  if (fstatSync(fd).uid === jailIdentity().uid)
    fchownSync(fd, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
}

/** Lets a monitor that opens its files anew read one. What keeps it from others is the directory that it lies in. */
export function showToMonitor(fd: number): void {
  if (jailIdentity().uid === undefined) return;
  const { mode } = fstatSync(fd);
  if ((mode & readableByAll) !== readableByAll) fchmodSync(fd, (mode & 0o777) | readableByAll);
}
