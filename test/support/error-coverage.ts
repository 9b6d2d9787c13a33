import type { ErrorCode } from "../../src/index.ts";

const overMcp = "test/mcp/errors.test.ts";
const lost = "test/mcp/lost-workspaces.test.ts";
const services = "test/mcp/services.test.ts";
const command = "test/faults/error-codes.test.ts";
const shells = "test/cli/workspace-shell.test.ts";

/** A code that no call of a tool or of the command line ends with, and the test of what comes of it instead. */
export interface Inside {
  readonly testedIn: string;
  readonly because: string;
}

/** Where each code is brought about for real, through the MCP server or the command line. */
export const errorCoverage: Readonly<Record<ErrorCode, string | Inside>> = {
  invalid_argument: overMcp,
  environment_not_found: overMcp,
  environment_not_installed: command,
  environment_build_failed: command,
  registry_unreachable: command,
  registry_denied: command,
  registry_lied: command,
  image_limit_exceeded: command,
  digest_mismatch: command,
  address_refused: command,
  command_not_found: {
    testedIn: "test/unit/channel/exec.test.ts",
    because: "a command that does not exist is a result, with exit code 127",
  },
  guest_boot_failed: command,
  guest_exec_failed: lost,
  guest_lost: lost,
  guest_protocol_error: lost,
  virtualization_unavailable: command,
  kvm_required: command,
  jail_unavailable: command,
  jail_breached: command,
  vmm_failed: command,
  process_elsewhere: {
    testedIn: "test/unit/platform/pid-namespaces.test.ts",
    because: "tests cannot leave the container they may run in, only make others",
  },
  template_unusable: {
    testedIn: "test/unit/workspace/machines/start-machine.test.ts",
    because: "no QEMU that the tests run with refuses, twice, what it has just saved",
  },
  seed_source_unusable: command,
  archive_refused: overMcp,
  export_target_exists: overMcp,
  export_refused: lost,
  export_limit: lost,
  snapshot_damaged: lost,
  host_no_space: command,
  host_directory_unusable: command,
  host_tool_missing: command,
  host_tool_failed: command,
  lock_timeout: {
    testedIn: "test/unit/platform/host.test.ts",
    because: "a lock is waited for as long as a quarter of an hour",
  },
  registry_schema_too_new: command,
  registry_damaged: command,
  vm_not_found: overMcp,
  vm_state_conflict: overMcp,
  patch_malformed: overMcp,
  patch_refused: overMcp,
  patch_conflict: overMcp,
  workspace_not_found: overMcp,
  workspace_ambiguous: overMcp,
  workspace_name_taken: overMcp,
  workspace_state_conflict: overMcp,
  workspace_busy: lost,
  workspace_lost: lost,
  workspace_path_not_found: overMcp,
  workspace_path_conflict: overMcp,
  disk_damaged: {
    testedIn: "test/guest/workspace-disks.test.ts",
    because: "a guest must spoil its own disk for it",
  },
  snapshot_not_found: overMcp,
  snapshot_exists: overMcp,
  credential_unavailable: "test/guest/credentials.test.ts",
  secret_not_found: "test/guest/workspace-secrets.test.ts",
  secrets_unreadable: "test/guest/workspace-secrets.test.ts",
  service_not_found: services,
  service_exists: services,
  service_failed: services,
  service_not_ready: services,
  service_limit_exceeded: services,
  port_unavailable: services,
  port_not_published: "test/faults/published-ports.test.ts",
  project_file_refused: overMcp,
  network_policy_refused: services,
  shell_not_found: shells,
  shell_ended: shells,
  shell_limit: shells,
  shell_not_reading: shells,
  supervisor_unavailable: lost,
  guest_no_space: lost,
  host_path_refused: overMcp,
  repository_unreachable: "test/mcp/project.test.ts",
  host_unknown: command,
  host_not_installed: command,
  host_not_connected: command,
  host_config_unreadable: command,
  host_config_unwritable: command,
  host_config_conflict: command,
  host_program_failed: command,
  host_server_failed: command,
  not_supported: {
    testedIn: "test/guest/workspace-host-compat.test.ts",
    because: "what is missing is missing only where no guest can run",
  },
  expired: lost,
  cancelled: command,
  internal: {
    testedIn: "test/unit/trees/tree-stream.test.ts",
    because: "it is a mistake of ours",
  },
};
