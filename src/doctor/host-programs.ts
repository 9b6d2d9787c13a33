/** A program of the host that pyro starts. `docs/install.md` lists the same; a test keeps both equal. */
export interface HostProgram {
  readonly program: string;
  /** Debian's package that has it. */
  readonly packageName: string;
  /** Why it is needed, after "it". */
  readonly purpose: string;
  /** Only for users who are not root. */
  readonly isForOrdinaryUsers?: boolean;
}

/** Those that the doctor looks for by name; the monitor and its jail are tried instead. */
export const hostPrograms: readonly HostProgram[] = [
  {
    program: "mmdebstrap",
    packageName: "mmdebstrap",
    purpose: "fetches the guest kernel and builds the Debian environments",
  },
  { program: "mke2fs", packageName: "e2fsprogs", purpose: "formats the guests' disks" },
  {
    program: "newuidmap",
    packageName: "uidmap",
    purpose: "lets mmdebstrap work without root",
    // Root needs no help to make namespaces with several users.
    isForOrdinaryUsers: true,
  },
];
