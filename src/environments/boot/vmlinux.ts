import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { PyroError } from "../../model/errors.ts";
import { unpackLegacyLz4 } from "./lz4.ts";

// Offsets of the x86 boot protocol (Documentation/arch/x86/boot.rst in the kernel's source).
const setupSectorsAt = 0x1f1;
const headerMagicAt = 0x202;
const payloadOffsetAt = 0x248;
const payloadLengthAt = 0x24c;
const elfMagic = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
const vmlinuxBytesMax = 256 << 20;

/** The uncompressed ELF kernel inside a bzImage: Firecracker needs it, QEMU boots it faster. */
export function extractVmlinux(bzImage: Buffer): Buffer {
  if (
    bzImage.length < 0x250 ||
    bzImage.toString("latin1", headerMagicAt, headerMagicAt + 4) !== "HdrS"
  ) {
    throw new PyroError("environment_build_failed", "The guest kernel is not an x86 bzImage.");
  }
  const setupBytes = ((bzImage[setupSectorsAt] || 4) + 1) * 512;
  const start = setupBytes + bzImage.readUInt32LE(payloadOffsetAt);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(payloadLengthAt));
  const kernel = unpack(payload);
  if (!kernel.subarray(0, 4).equals(elfMagic))
    throw new PyroError(
      "environment_build_failed",
      "The guest kernel's payload is not an ELF file.",
    );
  return kernel;
}

function unpack(payload: Buffer): Buffer {
  const magic = payload.readUInt32LE(0);
  if (magic === 0x184c2102) return unpackLegacyLz4(payload, vmlinuxBytesMax);
  if (magic === 0xfd2fb528)
    return zstdDecompressSync(payload, { maxOutputLength: vmlinuxBytesMax });
  if ((magic & 0xffff) === 0x8b1f) return gunzipSync(payload, { maxOutputLength: vmlinuxBytesMax });
  throw new PyroError(
    "environment_build_failed",
    `The guest kernel is compressed in an unknown way (magic ${magic.toString(16)}).`,
  );
}
