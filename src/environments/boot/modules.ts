import { PyroError } from "../../model/errors.ts";

/**
 * The modules a guest needs for its disks, its channel and its root. Their dependencies are found
 * in the modules themselves.
 */
export const wantedModules = [
  "virtio_mmio",
  "virtio_blk",
  "virtio_console",
  "overlay",
  "vmw_vsock_virtio_transport",
  "nf_tables",
  "nft_redir",
  "nft_chain_nat",
] as const;

/** Modules the guest cannot do without; the others may be missing from a kernel. */
const requiredModules: readonly string[] = [
  "virtio_mmio",
  "virtio_blk",
  "virtio_console",
  "overlay",
];

/** Names of modules are spelled with either character in different places. */
export function moduleName(path: string): string {
  return (path.split("/").at(-1) ?? "").replace(/\.ko$/, "").replaceAll("-", "_");
}

/** The wanted modules and what they depend on, each after its dependencies. `available`: module name → content. */
export function loadOrder(available: ReadonlyMap<string, Buffer>): string[] {
  const order: string[] = [];
  const visit = (name: string, wantedBy: string) => {
    if (order.includes(name)) return;
    const content = available.get(name);
    if (content === undefined) {
      if (wantedBy === "" && !requiredModules.includes(name)) return;
      throw new PyroError(
        "environment_build_failed",
        `The guest kernel package has no module "${name}"${wantedBy && `, which "${wantedBy}" needs`}.`,
      );
    }
    for (const dependency of moduleDependencies(content)) visit(dependency, name);
    order.push(name);
  };
  for (const name of wantedModules) visit(name, "");
  return order;
}

/** What a module's own `.modinfo` says it depends on. */
export function moduleDependencies(content: Buffer): string[] {
  const start = content.indexOf("\0depends=");
  if (start < 0) return [];
  const list = content.toString("latin1", start + 9, content.indexOf(0, start + 9));
  return list
    .split(",")
    .filter(Boolean)
    .map((name) => name.replaceAll("-", "_"));
}
