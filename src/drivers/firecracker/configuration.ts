import type { MachineSpec } from "../driver.ts";
import { kernelCommandLine } from "../guest-kernel.ts";
import type { ApiRequest } from "./api-client.ts";
import { type DiskPlace, type Layout, socketPaths } from "./layout.ts";

/** Firecracker ends when the guest restarts by its keyboard controller, and in no other way; the last three keep the kernel from looking for what no such controller has. */
const firecrackerOptions = "reboot=k pyro.end=restart i8042.noaux i8042.nomux i8042.dumbkbd";
/** The address that every guest has for its host's end. */
const guestCid = 3;

/** What a machine is configured with and started by, in order. */
export function bootRequests(
  spec: Pick<MachineSpec, "vcpuCount" | "memMib" | "role" | "isTalkative">,
  layout: Pick<Layout, "environment" | "data" | "target" | "boot" | "saved">,
): ApiRequest[] {
  const isUnflushed = spec.role === "builder";
  return [
    put("/machine-config", {
      vcpu_count: spec.vcpuCount,
      mem_size_mib: spec.memMib,
      // Of memory that nobody ever wrote, nothing is saved.
      track_dirty_pages: layout.saved !== undefined,
    }),
    put("/boot-source", {
      kernel_image_path: layout.boot?.kernelPath,
      initrd_path: layout.boot?.initramfsPath,
      boot_args: kernelCommandLine({ spec, more: firecrackerOptions }),
    }),
    // The guest tells its disks apart by their order.
    drive("env", layout.environment, isUnflushed),
    ...(layout.data === undefined ? [] : [drive("data", layout.data, false)]),
    ...(layout.target === undefined ? [] : [drive("target", layout.target, true)]),
    put("/vsock", { guest_cid: guestCid, uds_path: socketPaths.channel }),
    // Randomness of the host's, as much as the guest asks for.
    put("/entropy", {}),
    put("/actions", { action_type: "InstanceStart" }),
  ];
}

/** Stops a machine for good and saves it. Only what was written since it booted goes into the file of its memory. */
export function saveRequests(saved: NonNullable<Layout["saved"]>): ApiRequest[] {
  return [
    { method: "PATCH", path: "/vm", body: { state: "Paused" } },
    put("/snapshot/create", {
      snapshot_type: "Diff",
      snapshot_path: saved.statePath,
      mem_file_path: saved.memoryPath,
    }),
  ];
}

/** Resumes a machine from what was saved, its memory mapped privately. */
export function restoreRequests(saved: NonNullable<Layout["saved"]>): ApiRequest[] {
  return [
    put("/snapshot/load", {
      snapshot_path: saved.statePath,
      mem_backend: { backend_type: "File", backend_path: saved.memoryPath },
      resume_vm: true,
    }),
  ];
}

function put(path: string, body: ApiRequest["body"]): ApiRequest {
  return { method: "PUT", path, body };
}

/** By default a guest's flushes count for nothing. */
function drive(id: string, { path, isReadOnly }: DiskPlace, isUnflushed: boolean): ApiRequest {
  return put(`/drives/${id}`, {
    drive_id: id,
    path_on_host: path,
    is_root_device: false,
    is_read_only: isReadOnly,
    cache_type: isUnflushed ? "Unsafe" : "Writeback",
  });
}
