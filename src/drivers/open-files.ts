import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from "node:fs";

/** What a monitor may have open; everything else is a breach. */
export interface OpenFilesAllowance {
  /** Files it may read, as `device:inode`. */
  readonly readable: readonly string[];
  /** Files it may also write. */
  readonly writable: readonly string[];
  /** Inodes of the sockets it was started with. */
  readonly sockets: readonly string[];
  /** Last names of the addresses of those that listen: what they accept bears them, too. */
  readonly listeners: readonly string[];
  /** Addresses of the sockets that it listens on by itself, in its own root. Default: none. */
  readonly ownSockets?: readonly string[] | undefined;
}

/** Kernel objects without a file; KVM's are its machines and processors. */
const anonymousKinds = /^anon_inode:\[?(eventfd|eventpoll|timerfd|signalfd|io_uring|kvm-.*)\]?$/;

/** null, zero, random, urandom, and KVM. */
const harmlessDevices: readonly number[] = [0x103, 0x105, 0x108, 0x109, 0xae8];

/** One look may catch a socket between two states. */
const looksMax = 3;

/** The descriptors of `pid` that `allowance` does not allow, each as `number -> what`. */
export function unexpectedDescriptors(pid: number, allowance: OpenFilesAllowance): string[] {
  let suspects = look(pid, allowance);
  for (let looks = 1; looks < looksMax && suspects.length > 0; looks++) {
    const again = look(pid, allowance);
    suspects = suspects.filter((suspect) => again.includes(suspect));
  }
  return suspects;
}

function look(pid: number, allowance: OpenFilesAllowance): string[] {
  let accepted: ReadonlySet<string> | undefined;
  const isKnownSocket = (inode: string) => {
    if (allowance.sockets.includes(inode)) return true;
    accepted ??= new Set([
      ...socketsNamed("/proc/net/unix", allowance.listeners),
      // What it listens on belongs to the network namespace of its jail, and what it accepted to that of whoever connected.
      ...[`/proc/${pid}/net/unix`, "/proc/net/unix"].flatMap((table) =>
        socketsNamed(table, allowance.ownSockets ?? []),
      ),
    ]);
    return accepted.has(inode);
  };
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (anonymousKinds.test(target)) return [];
      const inode = /^(?:socket|pipe):\[(\d+)\]$/.exec(target)?.[1];
      const isAllowed =
        inode === undefined ? isAllowedFile(pid, fd, allowance) : isKnownSocket(inode);
      return isAllowed ? [] : [`${fd} -> ${target}`];
    } catch {
      // It was closed, or the process ended, while we looked.
      return [];
    }
  });
}

function isAllowedFile(
  pid: number,
  fd: string,
  { readable, writable }: OpenFilesAllowance,
): boolean {
  const found = statSync(`/proc/${pid}/fd/${fd}`);
  if (found.isDirectory()) return false;
  if (found.isCharacterDevice()) return harmlessDevices.includes(found.rdev);
  const key = fileKey(found);
  return writable.includes(key) || (readable.includes(key) && !isWritable(pid, fd));
}

/** Names a file whatever its path is. */
export function fileKey({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/** Whether a descriptor was opened for writing. */
export function isWritable(pid: number | "self", fd: number | string): boolean {
  const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"))?.[1];
  return flags === undefined || (Number.parseInt(flags, 8) & 3) !== 0;
}

/** Inodes of the sockets and pipes that `pid` has open now at one of `fds`. */
export function socketsAt(pid: number, fds: readonly number[]): string[] {
  return fds.flatMap((fd) => {
    try {
      return /^(?:socket|pipe):\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

/** Inodes of the sockets of a network namespace whose address is, or ends with, one of `names`. */
function socketsNamed(table: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const isNamed = (line: string) =>
    names.some((name) => line.endsWith(name.startsWith("/") ? ` ${name}` : `/${name}`));
  return readFileSync(table, "utf8")
    .split("\n")
    .filter(isNamed)
    .map((line) => line.split(/\s+/)[6] ?? "");
}
