import type { ErrorCode } from "../../model/errors.ts";

const ask = "Tell the user; this needs their hands.";
const doctor = "Tell the user to run `pyro doctor` on this machine; it says what mends it.";
const look = "See workspace_status, or workspace_list for what there is.";
const again = "Call the tool again.";

/** What a model does about a failure: tools, and the user where no tool helps. Absent where the failure's own hint says it. */
export const nextSteps: Readonly<Partial<Record<ErrorCode, string>>> = {
  environment_not_found:
    "Use debian:12, or an image reference such as docker.io/library/python:3.12.",
  environment_not_installed: "Use it with vm_run or workspace_create, which install it.",
  environment_build_failed: "Use another environment, for example debian:12.",
  registry_unreachable: "Use debian:12, or tell the user that the image registry does not answer.",
  registry_denied: "Use a public image, or ask the user for credentials of the registry.",
  registry_lied: "Use another image.",
  image_limit_exceeded: "Use a smaller image.",
  digest_mismatch: again,
  address_refused: "Use an image of a public registry.",
  command_not_found: "Check the name, or use an environment that has the program.",
  guest_boot_failed: doctor,
  guest_exec_failed: again,
  guest_lost: "Check workspace_status; workspace_logs has what was written.",
  guest_protocol_error: "Reset or delete the workspace; something in it tampers with its guest.",
  virtualization_unavailable: doctor,
  kvm_required: doctor,
  jail_unavailable: doctor,
  jail_breached: ask,
  vmm_failed: doctor,
  template_unusable: again,
  seed_source_unusable: "Give a directory, .tar, .tar.gz or .tgz that exists.",
  archive_refused: "Make the archive without the named entry, or push the directory itself.",
  export_target_exists: "Choose another output_path; nothing is overwritten.",
  export_refused:
    "Export a part of the tree without what is named; include_self_running if the user wants that.",
  export_limit: "Export a smaller part of the tree.",
  snapshot_damaged: "Use another snapshot, or create a new workspace.",
  host_no_space: "Delete workspaces that are not needed with workspace_delete, or tell the user.",
  host_directory_unusable: doctor,
  host_tool_missing: doctor,
  host_tool_failed: doctor,
  lock_timeout: again,
  registry_schema_too_new: "Tell the user to update pyro.",
  registry_damaged: ask,
  vm_not_found: "Create one with vm_create; they are gone after vm_exec and after their TTL.",
  vm_state_conflict: "See vm_status: vm_create, then vm_start, then vm_exec.",
  patch_malformed:
    'Give one unified diff, e.g. "--- a/f.py\\n+++ b/f.py\\n@@\\n def f():\\n-  old\\n+  new\\n" (@@ needs no numbers where the lines fit one place only), or a patch from *** Begin Patch to *** End Patch.',
  patch_refused: "Leave out what is named; paths are relative to /workspace and stay below it.",
  patch_conflict:
    "Read the file with workspace_file_read and make the patch anew; where a hunk fits several places, with more lines around it.",
  workspace_not_found: "Call workspace_list, or workspace_create for a new one.",
  workspace_ambiguous: "Give the whole workspace_id.",
  workspace_name_taken: "Choose another name, or use that workspace.",
  workspace_state_conflict: look,
  workspace_busy: again,
  workspace_lost: look,
  workspace_path_not_found: "Call workspace_file_list to see what is there.",
  workspace_path_conflict: "Call workspace_file_list to see what is there.",
  disk_damaged: "Use workspace_reset, which gives the workspace a new disk.",
  snapshot_not_found: "Use baseline, or a name from workspace_summary.",
  snapshot_exists: "Choose another name.",
  service_not_found: "Call service_list to see what there is.",
  service_exists: "Call service_stop first, or choose another name.",
  service_failed: "Read service_logs, correct what it says, and call service_start again.",
  service_not_ready:
    "Read service_logs; call service_start again with more ready_timeout_seconds or another probe.",
  service_limit_exceeded: "Stop services that are not needed with service_stop.",
  port_unavailable: "Publish the guest's port alone: a free port of the host is found.",
  port_not_published: "See published_ports of service_list.",
  network_policy_refused:
    'Create a workspace with the network_policy that is needed ("egress", "published-ports"), or do without.',
  project_file_refused:
    'Tell the user what is wrong in the project\'s .pyro.toml; without the network_policy "egress" it is not read.',
  shell_ended: "Read what it wrote with shell_read; start another with shell_open.",
  shell_limit: "Close one with shell_close.",
  shell_not_reading: "See with shell_read what it does; shell_signal interrupts it.",
  supervisor_unavailable: again,
  guest_no_space: "Remove files with workspace_exec, or create a new workspace.",
  repository_unreachable: 'Use seed_path or seed: "empty", or tell the user.',
  expired: "Create a new one, with more ttl_seconds if it needs longer.",
  cancelled: again,
  internal: "Tell the user: this is a bug in pyro.",
};
