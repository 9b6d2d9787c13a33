import type { Readable, Writable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/server";
import type { Pyro } from "../sdk.ts";
import type { ProfileName } from "./profiles.ts";

export interface CreateServerOptions {
  /** Which tools it offers. Default `workspace-core`. */
  readonly profile?: ProfileName | undefined;
  /** Exactly these tools, whatever the profile. Default: those of the profile. */
  readonly tools?: readonly string[] | undefined;
  /** Tools to leave out. */
  readonly exclude?: readonly string[] | undefined;
  /** Only tools that change nothing. Default false. */
  readonly readOnly?: boolean | undefined;
  /** Directory that workspaces start from. Default: the Git checkout around the current directory, if any. */
  readonly projectPath?: string | undefined;
  /** Repository that workspaces start from instead: path, `https://…`, `ssh://…` or `user@host:path`. */
  readonly repoUrl?: string | undefined;
  /** Branch, tag or commit of it. Default: its HEAD. */
  readonly repoRef?: string | undefined;
  /** Keeps the history of that repository, so that git works in workspaces. Default false: the files of one commit. */
  readonly withGit?: boolean | undefined;
  /** Whether to ask the person behind a client that can what a workspace may reach, when something was denied. Default true. */
  readonly asksPerson?: boolean | undefined;
  /** Whether a machine like the last one that was asked for is made ready between calls. Default false; `pyro mcp serve` does it. */
  readonly keepsStandby?: boolean | undefined;
  /** Directories of the host that tools may read and write beside the project. */
  readonly allowPaths?: readonly string[] | undefined;
  /** What the tools work with. Default: a `Pyro` of its own, made at the first call. */
  readonly pyro?: Pyro | undefined;
}

/** Standard input and output by default. */
export interface ServeStreams {
  readonly stdin?: Readable | undefined;
  readonly stdout?: Writable | undefined;
  /** Told of everything that is not an answer to a request. */
  readonly onError?: ((error: Error) => void) | undefined;
  /** Ends the service when aborted, as the end of the input does. */
  readonly signal?: AbortSignal | undefined;
}

/** An MCP server; it may serve any number of connections. Disposing removes what it cloned; workspaces stay. */
export interface PyroServer extends Disposable {
  /** Serves one connection on streams, in whichever revision of the protocol its client speaks; settles when it is over. */
  serveStdio(streams?: ServeStreams): Promise<void>;
  /** Serves one connection of a client of a 2025 revision on a transport of the MCP SDK. */
  connect(transport: Transport): Promise<void>;
}
