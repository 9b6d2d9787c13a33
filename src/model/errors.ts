/**
 * Every way pyro can fail, by stable code. `docs/errors.md` lists the same codes; a test keeps both
 * equal. The text is what the code means, not the message of one failure.
 */
export const errorCodes = {
  invalid_argument: "A value given by the caller is not usable; the message names it.",
  environment_not_found: "No catalog entry and no OCI reference has this name.",
  environment_not_installed: "The environment is known but was never pulled.",
  environment_busy: "Another process is pulling or removing this environment.",
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
  vmm_failed: "The virtual machine monitor refused to start or ended unexpectedly.",
  template_unusable: "A saved template does not resume.",
  host_no_space: "The host's disk has no room for the operation.",
  host_directory_unusable: "A cache or state directory is not writable or not trustworthy.",
  host_tool_missing: "A program that pyro needs is not installed.",
  host_tool_failed: "A program that pyro ran on the host failed.",
  lock_timeout: "Another pyro process held a lock for too long.",
  registry_schema_too_new: "The registry was written by a newer pyro.",
  registry_damaged: "The registry file cannot be read.",
  vm_not_found: "No VM has this id.",
  vm_state_conflict: "The VM is not in a state that allows the operation.",
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
  const message = error instanceof Error ? error.message : String(error);
  return new PyroError("internal", message, {
    cause: error,
    hint: "This is a bug in pyro; please report it with the command you ran.",
  });
}

/** The `code` of a Node system error (`ENOENT`), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
