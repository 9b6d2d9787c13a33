import type { Config } from "../../platform/config.ts";
import { type RunningTool, startTool } from "../../platform/tools.ts";

/** One call of mmdebstrap, which fetches from the signed Debian archive and writes a tar to stdout. */
export interface DebianRequest {
  readonly suite: string;
  /** `extract` unpacks packages without configuring them; `minbase` makes a usable system. */
  readonly variant: "extract" | "minbase";
  readonly packages: readonly string[];
  readonly config: Pick<Config, "debianMirror">;
  readonly signal?: AbortSignal | undefined;
  /** Each step it announces. */
  readonly onStep?: (step: string) => void;
}

/** Documentation that nobody reads in a sandbox: a third of the files. */
const excludedPaths = [
  "/usr/share/doc/*",
  "/usr/share/man/*",
  "/usr/share/info/*",
  "/usr/share/locale/*",
];

/** Packages such as Java's link their manual pages as alternatives, and cannot be installed, now or later, without these directories. */
const manualDirectories =
  '--essential-hook=for section in 1 2 3 4 5 6 7 8; do mkdir -p "$1/usr/share/man/man$section"; done';

/** What the building host needed and a guest does not: its name servers, and tries to reach a network that is not there. */
const finishingHooks = [
  '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
  `--customize-hook=sed -i 's/^Acquire::Retries .*/Acquire::Retries "0";/' "$1/etc/apt/apt.conf.d/99mmdebstrap"`,
] as const;

/** What mmdebstrap announces that a person who waits cares about, in our words. */
const steps = [
  { pattern: /^running apt-get update/, name: "reading package lists" },
  { pattern: /^downloading packages/, name: "downloading packages" },
  { pattern: /^extracting archives/, name: "extracting packages" },
  { pattern: /^installing /, name: "installing packages" },
  { pattern: /^creating tarball/, name: "packing" },
] as const;

/**
 * Starts what its arguments say in a mount namespace of its own, where that is allowed: what is mounted in there is gone with its
 * processes, however they end. Then removes its directory, which may take long, whoever still waits. Its children do not catch
 * the signal that ends them, nor the one that mmdebstrap sends to all of its group.
 */
const contained = `trap : TERM HUP
export TMPDIR="$(mktemp --directory --tmpdir pyro-mmdebstrap-XXXXXXXXXX)" && chmod 755 "$TMPDIR" || exit
if unshare --mount true 2>/dev/null; then unshare --mount -- "$@"; else "$@"; fi
code=$?
rm -rf --one-file-system -- "$TMPDIR"
exit $code`;

/**
 * Started by root, mmdebstrap mounts what a system needs into its chroot, for all the host to see, and leaves it there when
 * it is interrupted at the wrong moment. For users it makes namespaces of its own.
 */
function container(): readonly string[] {
  return process.geteuid?.() === 0 ? ["sh", "-c", contained, "sh"] : [];
}

/** Starts fetching; the tar comes on `stdout`. */
export function startMmdebstrap(request: DebianRequest): RunningTool {
  const args = [
    `--variant=${request.variant}`,
    "--format=tar",
    // An empty list is refused by the tool.
    ...(request.packages.length === 0 ? [] : [`--include=${request.packages.join(",")}`]),
    '--aptopt=Apt::Install-Recommends "false"',
    '--aptopt=Acquire::Retries "3"',
    ...(request.variant === "minbase" ? [manualDirectories, ...finishingHooks] : []),
    ...excludedPaths.map((path) => `--dpkgopt=path-exclude=${path}`),
    request.suite,
    "-",
    ...(request.config.debianMirror === undefined ? [] : [request.config.debianMirror]),
  ];
  return startTool("mmdebstrap", args, {
    packageName: "mmdebstrap",
    within: container(),
    signal: request.signal,
    ownGroup: true,
    onLine: (line) => {
      const announced = /^I: (.+?)\.*$/.exec(line)?.[1];
      const step = steps.find(({ pattern }) => announced !== undefined && pattern.test(announced));
      if (step) request.onStep?.(step.name);
    },
  });
}
