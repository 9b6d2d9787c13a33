import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runEgressCampaign } from "../support/egress-campaign.ts";
import { repository } from "../support/home.ts";
import { Outside, outsidePorts, outsideSkip } from "../support/outside.ts";
import { remotePyro } from "../support/remote-pyro.ts";
import { until } from "../support/until.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

/** More than a run of all tests has time for: `make campaign-egress`. */
const dnsBytes = Number(process.env.DNS_KIB ?? 256) << 10;
const connections = Number(process.env.CONNECTIONS ?? 1_000);

const reachProgram = readFileSync(join(repository, "test/support/fixtures/reach.py"), "utf8");
const environment = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** Sends that many bytes of questions for names that differ, and reads no answer. */
const flood = (bytes: number) => `import os, socket
server = [l.split()[1] for l in open("/etc/resolv.conf") if l.startswith("nameserver")][0]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent = 0
while sent < ${bytes}:
    label = lambda: b"\\x3c" + os.urandom(30).hex().encode()
    question = os.urandom(2) + b"\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + label() + label() + label() + b"\\7example\\0\\0\\1\\0\\1"
    if sent % 7 == 0: question = os.urandom(len(question))
    try: sent += s.sendto(question, (server, 53))
    except OSError: pass
print("sent")`;

/** Begins that many connections at once and keeps those that are made; says how many were. */
const crowd = (count: number, address: string) => `import resource, select, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (${count} + 100,) * 2)
begun = []
for _ in range(${count}):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("${address}", ${outsidePorts.hold}))
    begun.append(s)
alive = 0
for s in begun:
    s.settimeout(20)
    try: alive += s.recv(1) == b"h"
    except OSError: pass
print(alive)`;

describe("a guest that asks for more than there is", { skip: outsideSkip }, () => {
  const parts = new AsyncDisposableStack();
  let outside: Outside;
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    outside = parts.use(await Outside.open());
    ws = parts.use(await TestWorkspaces.open(({ env }) => remotePyro(env, outside.mounts)));
    await ws.home.pull("debian:12");
    const options = { environment: "debian:12", networkPolicy: "egress" } as const;
    ({ workspaceId: id } = await ws.create(options));
    outside.names.meanings.set("public.example", () => [outside.publicAddress]);
  });
  after(async () => {
    await using _ = parts;
    await ws.assertNothingLeft();
  });

  const reach = async (host: string) => {
    const command = ["python3", "-c", reachProgram, `tcp ${host} ${outsidePorts.web}`];
    const { stdout } = await ws.pyro.execWorkspace(id, { command, timeoutSeconds: 100 });
    return stdout.trimEnd();
  };
  const memoryKib = (pid: number, what: string) =>
    Number(
      new RegExp(`${what}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1],
    );

  it("asks for names without end, and others get their answers, in bounded memory", async () => {
    assert.equal(await reach("public.example"), "from outside");
    const pid = await ws.supervisor(id);
    const before = memoryKib(pid, "VmRSS");
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    const asked = outside.names.asked.length;
    assert.equal(await ws.sh(id, `python3 -c '${flood(dnsBytes)}'`, 3_000), "sent\n");
    assert.ok(outside.names.asked.length > asked, "no question came through");
    outside.names.meanings.set("later.example", () => [outside.publicAddress]);
    await until(
      "a name is answered again",
      async () => (await reach("later.example")) === "from outside",
      20,
    );
    assert.equal(await ws.supervisor(id), pid);
    const grownKib = memoryKib(pid, "VmHWM") - before;
    assert.ok(grownKib < 48 << 10, `${grownKib} KiB more`);
  });

  it("begins thousands of connections at once, has 256 of them, and later as many again", async () => {
    await until("earlier connections are gone", () => outside.open === 0);
    const alive = Number(
      await ws.sh(id, `python3 -c '${crowd(connections, outside.publicAddress)}'`, 1_000),
    );
    assert.ok(alive > 0 && alive <= 256, String(alive));
    await until("all are gone", () => outside.open === 0);
    assert.equal(await reach(outside.publicAddress), "from outside");
  });

  it("reaches a name half of whose addresses are dead, and one that is of IPv6 alone", async () => {
    const [a, b, c] = outside.publicAddress.split(".");
    const addressOf = (last: number) => `${a}.${b}.${c}.${last}`;
    const on = (command: readonly string[]) => {
      const [program = "", ...args] = command;
      execFileSync(program, args, { env: environment });
    };
    const live = Array.from({ length: 10 }, (_, index) => addressOf(100 + index));
    for (const address of live)
      on([...outside.enter, "ip", "address", "add", `${address}/32`, "dev", "outside"]);
    const all = live.flatMap((address, index) => [addressOf(200 + index), address]);
    outside.names.meanings.set("many.example", () => all);
    assert.equal(await reach("many.example"), "from outside");

    const six = "2600:1f00:77::";
    on(["ip", "address", "add", `${six}1/64`, "dev", outside.card, "nodad"]);
    on([...outside.enter, "ip", "address", "add", `${six}2/64`, "dev", "outside", "nodad"]);
    outside.names.meanings.set("six.example", () => [`${six}2`]);
    assert.equal(await reach("six.example"), "from outside");
    assert.equal(await reach(`${six}2`), "from outside");
    assert.equal(outside.openers.at(-1), `${six}1`);
  });
});

describe("a guest whose way out is killed", { skip: outsideSkip }, () => {
  // A slice of `make campaign-egress`, which does the same fifty times.
  it("has no other", async () => {
    const { kills, escaped, total } = await runEgressCampaign(3);
    assert.deepEqual({ kills, escaped }, { kills: 3, escaped: 0 });
    assert.ok(total > 20, String(total));
  });
});
