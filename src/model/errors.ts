/**
 * Every way pyro can fail, by stable code. `docs/errors.md` lists the same codes; a test keeps both
 * equal. The text is what the code means, not the message of one failure.
 */
export const errorCodes = {
  invalid_argument: "A value given by the caller is not usable; the message names it.",
  environment_not_found: "No catalog entry and no OCI reference has this name.",
  environment_not_installed: "The environment is known but was never pulled.",
  environment_build_failed: "The image was fetched but could not be turned into an environment.",
  registry_unreachable: "The image registry did not answer.",
  registry_denied: "The image registry refused the credentials, or asked for some.",
  registry_lied: "The image registry broke its protocol or its own digests.",
  image_limit_exceeded: "The image is larger than pyro accepts.",
  digest_mismatch: "Bytes do not have the digest they were promised with.",
  address_refused: "A registry tried to send pyro to an address it may not visit.",
  command_not_found: "The guest has no such command.",
  guest_boot_failed: "The virtual machine started but its guest agent never answered.",
  guest_exec_failed: "The guest agent could not run the command.",
  guest_lost: "The virtual machine ended or stopped answering while it was in use.",
  guest_protocol_error: "The guest agent broke the channel protocol.",
  virtualization_unavailable: "No driver can run a guest on this host.",
  kvm_required: "PYRO_REQUIRE_KVM is set and KVM does not work here.",
  jail_unavailable: "The virtual machine monitor cannot be confined on this host.",
  jail_breached: "A running virtual machine monitor is not confined as it must be; it was killed.",
  process_elsewhere:
    "A process would have to be ended that runs in another container, or outside of this one.",
  vmm_failed: "The virtual machine monitor refused to start or ended unexpectedly.",
  template_unusable: "A saved template does not resume.",
  seed_source_unusable: "What a workspace is to start with cannot be read.",
  archive_refused: "An archive holds what no tree may hold; the message names entry and rule.",
  export_target_exists: "The place to export to exists already; nothing was written.",
  export_refused: "The tree cannot be written to the host as it is; nothing was written.",
  export_limit: "The tree is larger than the export may be; nothing was written.",
  snapshot_damaged: "Stored content is not what was stored; it cannot be used.",
  host_no_space: "The host's disk has no room for the operation.",
  host_directory_unusable: "A cache or state directory is not writable or not trustworthy.",
  host_tool_missing: "A program that pyro needs is not installed.",
  host_tool_failed: "A program that pyro ran on the host failed.",
  lock_timeout: "Another pyro process held a lock for too long.",
  registry_schema_too_new: "The registry was written by a newer pyro.",
  registry_damaged: "The registry file cannot be read.",
  vm_not_found: "No VM has this id.",
  vm_state_conflict: "The VM is not in a state that allows the operation.",
  patch_malformed: "The patch is not a patch, or is damaged; the message names the line.",
  patch_refused: "The patch asks for something that no patch may do here.",
  patch_conflict: "The patch does not fit the files it is for; nothing was changed.",
  workspace_not_found: "No workspace has this id, prefix or name.",
  workspace_ambiguous: "More than one workspace begins with this prefix.",
  workspace_name_taken: "Another workspace has this name.",
  workspace_state_conflict: "The workspace is not in a state that allows the operation.",
  workspace_busy: "Another process is changing the workspace.",
  workspace_lost: "The workspace was stopped, reset or deleted while it was in use.",
  workspace_path_not_found: "There is nothing at this path of the workspace.",
  workspace_path_conflict: "What is at this path of the workspace does not fit the operation.",
  disk_damaged: "The file system of a workspace's disk cannot be read.",
  snapshot_not_found: "The workspace has no snapshot of this name.",
  snapshot_exists: "The workspace has a snapshot of this name already.",
  credential_unavailable: "The command that prints a credential's value did not.",
  secret_not_found: "The workspace has no secret of this name.",
  secrets_unreadable: "The file with the workspace's secrets is damaged.",
  service_not_found: "The workspace has no service of this name.",
  service_exists: "A service of this name is running.",
  service_failed: "A service ended before it was ready, or never started.",
  service_not_ready: "A service was not ready in time, and was stopped.",
  service_limit_exceeded: "The workspace runs as many services as it can.",
  port_unavailable: "A port of the host cannot be listened on; the message says why.",
  port_not_published: "The workspace has not published this port.",
  network_policy_refused: "The workspace's network policy does not allow that.",
  project_file_refused: "The .pyro.toml of the seeded tree cannot be followed.",
  shell_not_found: "The workspace has no shell of this id.",
  shell_ended: "The program of the shell has ended, so nothing can be done to it.",
  shell_limit: "The workspace has as many open shells as it may have.",
  shell_not_reading: "The program of a shell reads nothing, and its terminal takes no more input.",
  supervisor_unavailable: "The process that looks after a running workspace did not start.",
  guest_no_space: "The guest's disk is full.",
  host_path_refused:
    "A path of the host lies outside the directories that the MCP server was given.",
  repository_unreachable: "The Git repository to start from cannot be fetched.",
  host_unknown: "No coding agent that pyro can be connected to has this name.",
  host_not_installed: "The coding agent is not installed for this user.",
  host_not_connected: "The coding agent has no entry for pyro.",
  host_config_unreadable: "A coding agent's configuration cannot be read; nothing was written.",
  host_config_unwritable: "A coding agent's configuration cannot be written.",
  host_config_conflict:
    "A coding agent's configuration holds something that pyro will not replace.",
  host_program_failed: "A coding agent's own command failed.",
  host_server_failed: "The MCP server does not answer when started as the coding agent starts it.",
  not_supported: "This build of pyro cannot do that yet.",
  expired: "The VM reached the end of its time to live and was deleted.",
  cancelled: "The caller gave up.",
  internal: "A mistake in pyro itself.",
} as const;

/** Stable identifier of a failure. */
export type ErrorCode = keyof typeof errorCodes;

export interface PyroErrorOptions {
  /** What to do next, in one sentence; absent when there is nothing to do. */
  hint?: string | undefined;
  cause?: unknown;
}

/** The only error class that leaves pyro. */
export class PyroError extends Error {
  override readonly name = "PyroError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: PyroErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** `error` as a PyroError; anything foreign becomes `internal`. */
export function asPyroError(error: unknown): PyroError {
  if (error instanceof PyroError) return error;
  // Whatever asks for the current directory fails like this, a relative path's resolution too.
  if (error instanceof Error && "syscall" in error && error.syscall === "uv_cwd")
    return new PyroError("invalid_argument", "The current directory does not exist any more.", {
      hint: "Change to one that does: cd",
      cause: error,
    });
  const message = error instanceof Error ? error.message : String(error);
  return new PyroError("internal", message, {
    cause: error,
    hint: "This is a bug in pyro; please report it with the command you ran.",
  });
}

/** What a call fails with whose caller gave up; `reason` is what its signal was aborted with. */
export function cancellation(reason: unknown): PyroError {
  if (reason instanceof PyroError) return reason;
  return new PyroError("cancelled", errorCodes.cancelled, { cause: reason });
}

/** The `code` of a Node system error (`ENOENT`), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
