import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { repository, scratchDirectory } from "./home.ts";
import { NameServer } from "./name-server.ts";
import { type PyroProcess, startProcess } from "./process.ts";

const run = promisify(execFile);

/** Ports of the servers outside. */
export const outsidePorts = {
  /** HTTP: any page, `/endless` without an end. */
  web: 8000,
  /** Says one byte, and then nothing for as long as the other side stays. */
  hold: 8001,
  /** Closes every connection at once. */
  closing: 8002,
} as const;

/** Why there cannot be one; false where there can. */
export const outsideSkip: string | false =
  process.getuid?.() === 0 ? false : "only root can make network namespaces with cards";

/**
 * A world of the test's own: another machine, which is a network namespace, with an address that is public and one that
 * is private, and names of the test's choice for whoever runs in `mounts`. Nothing of it has a name on this machine, so
 * that it ends with its one process, and that one with the test.
 */
export class Outside implements AsyncDisposable {
  /** This machine's own address on the link to the other one; public by its number. */
  readonly hostAddress: string;
  readonly publicAddress: string;
  readonly privateAddress: string;
  readonly names: NameServer;
  /** This machine's card on the link. */
  readonly card = `out${process.pid}`;
  readonly #machine: PyroProcess;
  /** For files of those who use it; gone with it. */
  readonly directory: string;
  readonly #events: string[] = [];

  private constructor(machine: PyroProcess, names: NameServer, net: string) {
    this.#machine = machine;
    this.names = names;
    this.hostAddress = `11.${net}.1`;
    this.publicAddress = `11.${net}.2`;
    this.privateAddress = `10.${net}.2`;
    this.directory = scratchDirectory();
    writeFileSync(join(this.directory, "resolv.conf"), `nameserver ${this.hostAddress}\n`);
    writeFileSync(join(this.directory, "nsswitch.conf"), "hosts: files dns\n");
    const lines = createInterface(machine.child.stdout);
    lines.on("line", (line) => this.#events.push(line));
  }

  static async open(): Promise<Outside> {
    // Two of these on one machine do not meet.
    const net = `${(process.pid >> 8) & 0xff}.${process.pid & 0xff}`;
    const card = `out${process.pid}`;
    const serve = `ip link set lo up && exec ${process.execPath} --disable-warning=ExperimentalWarning test/support/outside-servers.ts`;
    const machine = startProcess(["unshare", "--net", "sh", "-c", serve], {
      env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      cwd: repository,
      openInput: true,
      ownStdout: true,
    });
    try {
      await machine.said("listening");
      const inside = ["nsenter", `--net=/proc/${machine.pid}/ns/net`];
      for (const command of [
        [
          "ip",
          "link",
          "add",
          card,
          "type",
          "veth",
          "peer",
          "name",
          "outside",
          "netns",
          machine.pid,
        ],
        ["ip", "address", "add", `11.${net}.1/24`, "dev", card],
        ["ip", "link", "set", card, "up"],
        ["ip", "route", "add", `10.${net}.2/32`, "dev", card],
        [...inside, "ip", "address", "add", `11.${net}.2/24`, "dev", "outside"],
        [...inside, "ip", "address", "add", `10.${net}.2/32`, "dev", "outside"],
        [...inside, "ip", "link", "set", "outside", "up"],
      ]) {
        const [program = "", ...args] = command.map(String);
        await run(program, args, { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
      }
      return new Outside(machine, await NameServer.open(`11.${net}.1`), net);
    } catch (error) {
      await machine.kill();
      throw error;
    }
  }

  /** What starts another program of the other machine. */
  get inside(): readonly string[] {
    return ["nsenter", `--net=/proc/${this.#machine.pid}/ns/net`];
  }

  /** A shell line after which this machine's names are those of the test. For a shell with mounts of its own. */
  get mounts(): string {
    return ["resolv.conf", "nsswitch.conf"]
      .map((name) => `mount --bind ${join(this.directory, name)} /etc/${name}`)
      .join(" && ");
  }

  /** Connections that are open to the servers outside. */
  get open(): number {
    const count = (what: string) => this.#events.filter((event) => event.startsWith(what)).length;
    return count("opened") - count("closed");
  }

  /** Connections that ever came, to whichever server. */
  get total(): number {
    return this.openers.length;
  }

  /** Where each of them came from. */
  get openers(): string[] {
    const opened = this.#events.filter((event) => event.startsWith("opened"));
    return opened.map((event) => event.split(" ").at(-1) ?? "");
  }

  /** What a command begins with that runs on the other machine. */
  get enter(): string[] {
    return ["nsenter", `--net=/proc/${this.#machine.pid}/ns/net`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.names.close();
    await this.#machine.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Every address of this machine. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list = []) => list.map((one) => one.address));
}
