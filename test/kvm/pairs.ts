/** A virtual machine monitor with what runs the guest's instructions. */
export interface Pair {
  readonly name: string;
  readonly driver: "qemu" | "firecracker";
  readonly accelerator: "tcg" | "kvm";
}

/** Every pair that the parity suite is run by. */
export const pairs: readonly Pair[] = [
  { name: "qemu-tcg", driver: "qemu", accelerator: "tcg" },
  { name: "qemu-kvm", driver: "qemu", accelerator: "kvm" },
  { name: "firecracker-kvm", driver: "firecracker", accelerator: "kvm" },
];

/** What makes pyro take exactly this pair, or fail. */
export function choosing({ driver, accelerator }: Pair): Record<string, string> {
  return { PYRO_DRIVER: driver, ...(accelerator === "kvm" && { PYRO_REQUIRE_KVM: "1" }) };
}
