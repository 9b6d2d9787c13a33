import type { Readable } from "node:stream";
import type { OutputSink } from "../../channel/exec.ts";
import type { CredentialOptions } from "../../model/credentials.ts";
import type { EgressOptions } from "../../model/egress.ts";
import type { NetworkPolicy, SizeOptions } from "../../model/machine-options.ts";
import type { SecretEnv } from "../../model/secrets.ts";
import type { JournaledCommand } from "../../model/workspace-results.ts";
import type { WorkOptions } from "../machines/host.ts";

/** A secret as it is handed over: its value, the host's file that holds it, or the variable of this process' environment. */
export type SecretSource = (
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly path: string }
  | { readonly name: string; readonly variable: string }
  | CommandSource
) & {
  /** Makes it one that the guest never has: pyro puts it into requests to these hosts. Default: commands may have it. */
  readonly credential?: CredentialOptions | undefined;
};

/** A shell's line that prints the value of a credential, run on the host whenever an earlier value does not hold any more. */
export interface CommandSource {
  readonly name: string;
  readonly command: string;
  /** How long a value holds. Default 900. */
  readonly ttlSeconds?: number | undefined;
}

export interface SetSecretsOptions {
  readonly secrets: readonly SecretSource[];
}

export interface CreateWorkspaceOptions extends WorkOptions, SizeOptions, EgressOptions {
  /** Catalog name or image reference. Installed first when missing. */
  readonly environment: string;
  /** A directory, `.tar`, `.tar.gz` or `.tgz` that becomes the content of /workspace. Default: empty. */
  readonly seedPath?: string | undefined;
  /** Leaves out what the seed directory's own `.gitignore` files name and git does not track. Default false. */
  readonly respectGitignore?: boolean | undefined;
  /**
   * Also reads what the seed's Git checkout uses outside of it: the repository of a linked worktree or a submodule, and borrowed
   * objects. Default false.
   */
  readonly includeOuterGit?: boolean | undefined;
  /** Unique among living workspaces: letters, digits, `.`, `_`, `-`; 63 at most. */
  readonly name?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Seconds until the workspace is deleted, whatever happens. Default: it lives until deleted. */
  readonly ttlSeconds?: number | undefined;
  /** Whether the guest may reach anything (`egress`), and whether its ports can be published. Default `off`. */
  readonly networkPolicy?: NetworkPolicy | undefined;
  /** What its commands may use and nobody may see; see `secretEnv`. Default none. */
  readonly secrets?: readonly SecretSource[] | undefined;
  /** Works on this host WITHOUT isolation when no guest can run. Default false. */
  readonly allowHostCompat?: boolean | undefined;
}

export interface UpdateWorkspaceOptions {
  readonly name?: string | undefined;
  readonly clearName?: boolean | undefined;
  /** Added to those it has. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly clearLabels?: readonly string[] | undefined;
}

/** Of every program that is started in a workspace. */
export interface ProgramOptions {
  /** Default /workspace. */
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Secrets of the workspace that it gets, by name, each with the environment variable it gets it as. Default none. */
  readonly secretEnv?: SecretEnv | undefined;
}

export interface ExecWorkspaceOptions extends ProgramOptions {
  /** Program and arguments; never a shell line. */
  readonly command: readonly string[];
  /** Default 30. */
  readonly timeoutSeconds?: number | undefined;
  /** Default none: the command reads /dev/null. */
  readonly stdin?: Readable | undefined;
  /** Output as it comes; the result then keeps none. A promise holds the command back. */
  readonly onStdout?: OutputSink | undefined;
  readonly onStderr?: OutputSink | undefined;
  /** Told as soon as the command has its number in the journal. */
  readonly onSequence?: ((sequence: number) => void) | undefined;
  /** Whether the command goes on, up to its time limit, when this process ends. Default false. */
  readonly outlivesCaller?: boolean | undefined;
  /** Aborting kills the command and everything it started. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOutputOptions {
  /** The command's number. */
  readonly sequence: number;
  /** Where to begin, in bytes of the output as it came: both streams as one. Default 0. */
  readonly offset?: number | undefined;
  /** Default 65,536; at most 16 MiB. */
  readonly maxBytes?: number | undefined;
  /** How long to wait for the command to end. Default 0. */
  readonly waitSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ReplayOutputOptions {
  /** The command's number. */
  readonly sequence: number;
  /** Receives what it wrote, byte for byte and in the order in which it came. */
  readonly onStdout: OutputSink;
  readonly onStderr: OutputSink;
}

/** A command without what it wrote. */
export type ReplayedCommand = JournaledCommand & {
  readonly workspaceId: string;
  /** Missing in what came after its end. */
  readonly lateOutputDroppedBytes: number;
};

export interface LogsOptions {
  /** Only this command. */
  readonly sequence?: number | undefined;
  /** Only the last so many commands. Default: all. */
  readonly last?: number | undefined;
  /** Only commands after this number: `nextAfter` of the page before. */
  readonly after?: number | undefined;
  /** Leaves out what they wrote, which may be much. Default false. */
  readonly withoutOutput?: boolean | undefined;
}

export interface SyncOptions extends WorkOptions {
  /** Directory in the workspace that receives the content. Default /workspace. */
  readonly dest?: string | undefined;
  readonly respectGitignore?: boolean | undefined;
  readonly includeOuterGit?: boolean | undefined;
}

export interface DiffOptions {
  /**
   * Only these files and directories, relative to /workspace or absolute. Default: all. In a tree with too much for one diff only they are
   * looked at: what moved into them from elsewhere is new there.
   */
  readonly paths?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface StreamDiffOptions extends DiffOptions {
  /** Receives the text as the bytes it is; a promise holds the rest back until it settles. */
  readonly onData: OutputSink;
}

export interface StreamedDiff {
  readonly workspaceId: string;
  /** Changed paths; 0 when nothing came. */
  readonly fileCount: number;
}

export interface ListFilesOptions {
  /** Default /workspace. */
  readonly path?: string | undefined;
  /** Default false. */
  readonly recursive?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadFileOptions {
  /** Default 65,536; at most 16 MiB. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ListDiskOptions extends WorkOptions {
  /** Absolute, or relative to /workspace. Default /workspace. */
  readonly path?: string | undefined;
  /** Default false. */
  readonly recursive?: boolean | undefined;
}

export interface ReadDiskOptions extends WorkOptions {
  /** Default 65,536; at most 16 MiB. */
  readonly maxBytes?: number | undefined;
}

export interface ExportDiskOptions extends WorkOptions {
  /** On the host; must not exist yet. */
  readonly outputPath: string;
}

export interface WriteFileOptions {
  readonly text: string | Uint8Array;
  /** Aborting leaves the file as it was, or as it was to be. */
  readonly signal?: AbortSignal | undefined;
}

export interface ApplyPatchOptions {
  /** One unified diff, git's or plain, or one patch from `*** Begin Patch` to `*** End Patch`. */
  readonly patch: string | Uint8Array;
  /** Aborting leaves nothing applied, or all. */
  readonly signal?: AbortSignal | undefined;
}

export interface SummaryOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ExportOptions extends WorkOptions {
  /** On the host; must not exist yet. */
  readonly outputPath: string;
  /**
   * Leaves out, and names among what was skipped, files that run by themselves when somebody opens the directory, commits in it or starts
   * an agent there. Default false.
   */
  readonly leaveOutSelfRunning?: boolean | undefined;
}

export interface ExportPatchOptions extends DiffOptions {
  /** On the host; must not exist yet. */
  readonly outputPath: string;
}

export interface StartWorkspaceOptions extends WorkOptions {
  /** Also starts the services that ran when it stopped, and publishes their ports and all others again. Default false. */
  readonly resumeServices?: boolean | undefined;
}

export interface ResetOptions extends WorkOptions {
  /** Name of a snapshot. Default `baseline`. */
  readonly snapshot?: string | undefined;
}

export interface SnapshotOptions {
  /** Aborting gives up waiting for the workspace to stand still; what has begun then is completed. */
  readonly signal?: AbortSignal | undefined;
}

export interface GcOptions {
  /** Also deletes workspaces without activity for so many seconds. Default: only what is expired or left over. */
  readonly olderThanSeconds?: number | undefined;
  /** Says what would be deleted and deletes nothing. Default false. */
  readonly dryRun?: boolean | undefined;
}
