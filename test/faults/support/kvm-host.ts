import { join } from "node:path";
import { type PyroHome, repository } from "../../support/home.ts";
import type { Ended, StartOptions } from "../../support/process.ts";

/** What a host has as /dev/kvm; what opens it finds no KVM behind. */
export interface KvmHost {
  /** Its permissions; absent: there is none. */
  readonly mode?: string;
  /** Shell lines that make the host what it is, in a mount namespace of its own and a directory on a file system of its own. */
  readonly more?: readonly string[];
  /** Whether pyro is an ordinary user's there. Default: whoever runs the test. */
  readonly isOrdinaryUser?: boolean;
}

const pyro = join(repository, "bin", "pyro");
const asRoot = process.getuid?.() === 0 ? [] : ["--map-root-user"];
const asSomebody = ["unshare", "--user", "--map-user=1000", "--map-group=1000"];

/** Runs `pyro` on such a host. */
export function pyroOn(
  { mode, more = [], isOrdinaryUser = false }: KvmHost,
  home: PyroHome,
  { args, ...options }: { readonly args: readonly string[] } & StartOptions,
): Promise<Ended> {
  const place = join(home.directory, "host");
  const devices = ["null", "zero", "full", "random", "urandom", "tty"];
  const script = [
    "set -e",
    `mkdir -p ${place}; mount -t tmpfs none ${place}; cd ${place}; mkdir dev`,
    `for node in ${devices.join(" ")}; do touch dev/$node; mount --bind /dev/$node dev/$node; done`,
    // A node of its own has permissions of its own, which only root can make.
    mode === undefined
      ? ""
      : mode === "666"
        ? "touch dev/kvm; mount --bind /dev/null dev/kvm"
        : `mknod -m ${mode} dev/kvm c 1 3`,
    "mkdir dev/shm dev/pts; mount --rbind dev /dev",
    ...more,
    "cd /",
    'exec "$@"',
  ];
  const user = isOrdinaryUser ? asSomebody : [];
  const command = ["unshare", "--mount", ...asRoot, "sh", "-c", script.join("\n"), "sh"];
  return home.startProgram([...command, ...user, pyro, ...args], options).ended;
}
