import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Canary } from "../support/canary.ts";
import { repository } from "../support/home.ts";
import { Outside, outsidePorts, outsideSkip, ownAddresses } from "../support/outside.ts";
import { remotePyro } from "../support/remote-pyro.ts";
import { until } from "../support/until.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

const reachProgram = readFileSync(join(repository, "test/support/fixtures/reach.py"), "utf8");

/** As two groups of an IPv6 address. */
function groups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** What a C library takes for `address`. */
function oddNotations(address: string): string[] {
  const bytes = address.split(".").map(Number);
  const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return [
    String(number),
    `0x${number.toString(16)}`,
    bytes.map((byte) => `0${byte.toString(8)}`).join("."),
    bytes.map((byte) => `0x${byte.toString(16)}`).join("."),
  ];
}

describe("a workspace that is let out of a machine with secrets", { skip: outsideSkip }, () => {
  let outside: Outside;
  let canary: Canary;
  let ws: TestWorkspaces;
  let id: string;
  const parts = new AsyncDisposableStack();
  before(async () => {
    outside = parts.use(await Outside.open());
    canary = parts.use(await Canary.open());
    ws = await TestWorkspaces.open((home) => remotePyro(home.env, outside.mounts));
    parts.use(ws);
    await ws.home.pull("debian:12");
    ({ workspaceId: id } = await ws.create({
      environment: "debian:12",
      networkPolicy: "egress",
      memMib: 1024,
    }));
  });
  after(async () => {
    await using _ = parts;
    await ws.assertNothingLeft();
  });

  /** What came of each try, and what its command was told. */
  const reach = async (tries: readonly string[]) => {
    const { stdout, stderr, exitCode } = await ws.pyro.execWorkspace(id, {
      command: ["python3", "-c", reachProgram, ...tries],
      timeoutSeconds: 120,
    });
    assert.equal(exitCode, 0, stderr);
    const outcomes = stdout.trimEnd().split("\n");
    assert.equal(outcomes.length, tries.length);
    return { outcomes };
  };

  it("reaches what is public, by address and by name", async () => {
    outside.names.meanings.set("public.example", () => [outside.publicAddress]);
    outside.names.meanings.set("alias.example", () => ({ alias: "public.example" }));
    const hosts = [outside.publicAddress, "public.example", "alias.example"];
    const { outcomes } = await reach(hosts.map((host) => `tcp ${host} ${outsidePorts.web}`));
    assert.deepEqual(outcomes, Array(3).fill("from outside"));
  });

  it("reaches nothing of this machine or its network, however that is written", async () => {
    // A canary that hears nothing would prove nothing.
    for (const address of ["127.0.0.1", "::1", outside.hostAddress]) {
      connect(canary.port, address).resume();
      const type = address.includes(":") ? "udp6" : "udp4";
      const socket = createSocket(type);
      socket.send("x", canary.port, address, () => socket.close());
    }
    await until("the canary heard six", () => canary.hits.length === 6);
    canary.take();

    const { hostAddress: own, privateAddress } = outside;
    outside.names.meanings.set("loopback.example", () => ["127.0.0.1", "::1"]);
    outside.names.meanings.set("own.example", () => [own]);
    const targets = [
      ...ownAddresses().filter((address) => !address.startsWith("127.")),
      ...["10.0.2.2", "10.0.2.3", "192.168.0.1", "172.17.0.1", "100.64.0.1", privateAddress],
      ...["0.0.0.0", "127.0.0.1", "127.1", "127.255.255.254", ...oddNotations("127.0.0.1")],
      ...oddNotations(own),
      ...["::", "::1", "::ffff:127.0.0.1", `::ffff:${own}`, `::${own}`, "fe80::1"],
      ...[`64:ff9b::${groups(own)}`, `64:ff9b:1::${groups(own)}`, `2002:${groups(own)}::1`],
      ...[`2002:${groups("127.0.0.1")}::1`, `2600::5efe:${groups(own)}`, "fd00::2", "ff02::1"],
      ...["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "224.0.0.1", "255.255.255.255"],
      ...["localhost", "loopback.example", "own.example", "host.docker.internal"],
    ];
    const tries = ["tcp", "udp", "icmp"].flatMap((kind) =>
      targets.map((target) => `${kind} ${target} ${canary.port}`),
    );
    const { outcomes } = await reach(tries);
    const told = outcomes.map((outcome, index) => `${tries[index]}: ${outcome}`);
    assert.deepEqual(canary.take(), []);
    assert.ok(targets.length >= 40, String(targets.length));
    const bad = /canary|outside|ETIMEDOUT/;
    assert.deepEqual(
      told.filter((line) => bad.test(line)),
      [],
    );
  });
});
