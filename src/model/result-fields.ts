import { z } from "zod";

// Fields that many results share.

export const executionMode = z
  .enum(["guest_vsock", "guest_virtio_serial", "host_compat"])
  .describe("How commands reach the guest.");
export const isolation = z
  .enum(["hardware", "emulated", "none"])
  .describe("What stands between the guest and the host.");
export const timestamp = z.iso.datetime();
