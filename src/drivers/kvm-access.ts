import { accessSync, constants, statSync } from "node:fs";
import { jailIdentity } from "./jail.ts";

/** Why KVM cannot even be tried, or undefined when it can. */
export function kvmRefusal(gid: number | undefined): string | undefined {
  try {
    if (jailIdentity().uid === undefined) accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    else if ((statSync("/dev/kvm").mode & 0o006) !== 0o006 && gid === undefined)
      return "/dev/kvm is open to root alone, and pyro never runs a monitor as root (chmod 660 /dev/kvm, chgrp kvm /dev/kvm).";
    return undefined;
  } catch {
    return "/dev/kvm is missing or not accessible to you.";
  }
}

/** Group that may open /dev/kvm, if there is one. */
export function kvmGid(): number | undefined {
  try {
    const { mode, gid } = statSync("/dev/kvm");
    return (mode & 0o060) === 0o060 && gid !== 0 ? gid : undefined;
  } catch {
    return undefined;
  }
}
