import { PyroError } from "../../model/errors.ts";

/**
 * The modules a guest needs for its disks, its channel, its randomness and its root. Their dependencies are found
 * in the modules themselves.
 */
export const wantedModules = [
  "virtio_mmio",
  "virtio_blk",
  "virtio_console",
  "overlay",
  "vmw_vsock_virtio_transport",
  "virtio_rng",
  "nf_tables",
  "nft_redir",
  "nft_chain_nat",
] as const;

/**
 * The modules a guest loads when a program first asks for what they do: networks of container engines and VPNs, file
 * systems in files and of programs, formats of images, what `ss` and `iptables` look at.
 */
export const onDemandModules = [
  ...[
    "bridge",
    "br_netfilter",
    "veth",
    "tun",
    "tap",
    "dummy",
    "macvlan",
    "ipvlan",
    "vxlan",
    "8021q",
    "ifb",
  ],
  ...[
    "fuse",
    "cuse",
    "loop",
    "squashfs",
    "isofs",
    "vfat",
    "nls_utf8",
    "nls_ascii",
    "nls_iso8859_1",
  ],
  ...[
    "binfmt_misc",
    "unix_diag",
    "tcp_diag",
    "udp_diag",
    "raw_diag",
    "netlink_diag",
    "af_packet_diag",
  ],
  ...[
    "nft_masq",
    "nft_ct",
    "nft_nat",
    "nft_compat",
    "nft_reject_inet",
    "nft_reject_ipv4",
    "nft_reject_ipv6",
  ],
  ...[
    "nft_limit",
    "nft_log",
    "nft_hash",
    "nft_numgen",
    "nft_fib_inet",
    "nft_fib_ipv4",
    "nft_fib_ipv6",
  ],
  ...[
    "nft_objref",
    "nft_quota",
    "nf_conntrack_netlink",
    "nf_log_syslog",
    "sch_netem",
    "sch_htb",
    "sch_ingress",
  ],
  ...["iptable_nat", "iptable_filter", "iptable_mangle", "iptable_raw"],
  ...["ip6table_nat", "ip6table_filter", "ip6table_mangle", "ip6table_raw"],
  ...[
    "xt_MASQUERADE",
    "xt_addrtype",
    "xt_conntrack",
    "xt_comment",
    "xt_mark",
    "xt_connmark",
    "xt_nat",
    "xt_multiport",
  ],
  ...[
    "xt_tcpudp",
    "xt_limit",
    "xt_owner",
    "xt_REDIRECT",
    "xt_state",
    "xt_LOG",
    "xt_statistic",
    "ipt_REJECT",
    "ip6t_REJECT",
  ],
] as const;

/** A module that waits in the guest for a program to need it. */
export interface OnDemandModule {
  readonly name: string;
  /** Those it needs that a guest does not load anyway, each after its own. */
  readonly needs: readonly string[];
  /** What the kernel calls it when it asks; `*` stands for anything. */
  readonly aliases: readonly string[];
}

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
export function loadOrder(
  available: ReadonlyMap<string, Buffer>,
  wanted: readonly string[] = wantedModules,
): string[] {
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
  for (const name of wanted) visit(name, "");
  return order;
}

/** The modules to load on demand, and all that those need, beside the modules that are `loaded` already. */
export function planOnDemand(
  available: ReadonlyMap<string, Buffer>,
  loaded: readonly string[],
): OnDemandModule[] {
  return loadOrder(available, onDemandModules)
    .filter((name) => !loaded.includes(name))
    .map((name) => ({
      name,
      needs: loadOrder(available, [name]).filter(
        (needed) => needed !== name && !loaded.includes(needed),
      ),
      aliases: moduleValues(available.get(name) ?? Buffer.alloc(0), "alias"),
    }));
}

/** What a module's own `.modinfo` says it depends on. */
export function moduleDependencies(content: Buffer): string[] {
  const [list = ""] = moduleValues(content, "depends");
  return list
    .split(",")
    .filter(Boolean)
    .map((name) => name.replaceAll("-", "_"));
}

/** The values of a key in a module's `.modinfo`, as far as they are one word. */
function moduleValues(content: Buffer, key: string): string[] {
  const mark = `\0${key}=`;
  const values: string[] = [];
  for (let at = content.indexOf(mark); at >= 0; at = content.indexOf(mark, at + 1)) {
    const start = at + mark.length;
    const value = content.toString("latin1", start, content.indexOf(0, start));
    if (/^[!-~]*$/.test(value)) values.push(value);
  }
  return values;
}
