import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { unpackedPackages } from "./debian-packages.ts";
import type { Outside } from "./outside.ts";
import { type PyroProcess, startProcess } from "./process.ts";
import { until } from "./until.ts";

/** Who may use the proxies. */
export const proxyUser = "me";
export const proxyPassword = "hunter2correct";

const programs = {
  /** By CONNECT. */
  tinyproxy: { port: 8888, command: ["tinyproxy", "-d", "-c", "/etc/tinyproxy.conf"] },
  /** By SOCKS 5. */
  microsocks: {
    port: 1080,
    command: ["microsocks", "-p", "1080", "-u", proxyUser, "-P", proxyPassword],
  },
} as const;

const configuration = `Port ${programs.tinyproxy.port}
Timeout 600
BasicAuth ${proxyUser} ${proxyPassword}
`;

/** A proxy of Debian's on the other machine, which knows `hosts` by name and nobody else. Ends with the test. */
export async function startProxy(
  outside: Outside,
  name: keyof typeof programs,
  hosts: Readonly<Record<string, string>>,
): Promise<PyroProcess> {
  const root = await unpackedPackages(name);
  const etc = join(outside.directory, name);
  mkdirSync(etc, { recursive: true });
  const lines = Object.entries(hosts).map(([host, address]) => `${address} ${host}\n`);
  writeFileSync(join(etc, "hosts"), lines.join(""));
  writeFileSync(join(etc, "nsswitch.conf"), "hosts: files\n");
  writeFileSync(join(etc, "tinyproxy.conf"), configuration);
  const { command, port } = programs[name];
  const line = `mount --bind ${etc} ${root}/etc && exec setpriv --pdeathsig KILL chroot ${root} /usr/bin/${command.join(" ")}`;
  const started = startProcess([...outside.enter, "unshare", "--mount", "sh", "-c", line], {
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  await until(`${name} listens`, () => isListening(outside.publicAddress, port));
  return started;
}

/** Of one that is started. */
export function proxyPort(name: keyof typeof programs): number {
  return programs[name].port;
}

function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
