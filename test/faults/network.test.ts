import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
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
  const reach = async (tries: readonly string[], from = id) => {
    const { stdout, stderr, exitCode, sequence, deniedConnections } = await ws.pyro.execWorkspace(
      from,
      {
        command: ["python3", "-c", reachProgram, ...tries],
        timeoutSeconds: 120,
      },
    );
    assert.equal(exitCode, 0, stderr);
    const outcomes = stdout.trimEnd().split("\n");
    assert.equal(outcomes.length, tries.length);
    return { outcomes, deniedConnections, sequence };
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

  it("reaches what a name meant when it was judged, whatever it means a moment later", async () => {
    const { meanings, asked } = outside.names;
    const inside = [outside.hostAddress, "127.0.0.1", "::1", outside.privateAddress];
    const rounds = [...Array(200).keys()];
    for (const round of rounds) {
      const internal = inside[round % inside.length] ?? "";
      let questions = 0;
      // Both families are asked for each time, so that a pattern of three hits every order.
      const flip = () => [questions++ % 3 === 0 ? outside.publicAddress : internal];
      meanings.set(`flip-${round}.example`, flip);
      meanings.set(`mixed-${round}.example`, () => [outside.publicAddress, internal]);
      meanings.set(`late-${round}.example`, () => [internal, outside.publicAddress]);
      meanings.set(`internal-${round}.example`, () => [internal]);
      meanings.set(`alias-${round}.example`, () => ({ alias: `internal-${round}.example` }));
    }
    const kinds = ["flip", "mixed", "late", "alias"];
    const namesOf = (kind: string) => rounds.map((round) => `${kind}-${round}.example`);
    const tries = kinds.flatMap(namesOf).map((name) => `tcp ${name} ${canary.port}`);
    const { outcomes } = await reach(tries);
    assert.deepEqual(canary.take(), []);
    assert.equal(outcomes.length, 800);
    assert.ok(outcomes.some((outcome) => outcome.startsWith("403 ")));

    // What was found is used for a while; then everything is asked for again.
    const timesAsked = () => asked.filter((name) => name === "flip-0.example").length;
    const before = timesAsked();
    await until("names are asked for again", async () => {
      await reach([`tcp flip-0.example ${canary.port}`]);
      return timesAsked() > before;
    });
    await reach(namesOf("flip").map((name) => `tcp ${name} ${canary.port}`));
    assert.deepEqual(canary.take(), []);
  });

  it("is told the same by a check, by what happens, by the log and by its result", async () => {
    const { publicAddress, privateAddress, hostAddress, names } = outside;
    const { web, closing } = outsidePorts;
    names.meanings.set("other.example", () => [publicAddress]);
    names.meanings.set("deep.sub.example", () => [publicAddress]);
    names.meanings.set("private.example", () => [privateAddress]);
    names.meanings.set("both.example", () => [privateAddress, publicAddress]);
    const destinations = [
      ...[publicAddress, privateAddress, "public.example", "other.example"],
      ...["deep.sub.example", "private.example", "both.example", "alias.example"],
    ].map((host) => `${host} ${web}`);
    destinations.push(`${publicAddress} ${closing}`, `public.example ${closing}`);
    destinations.push(`${hostAddress} ${canary.port}`, `own.example ${canary.port}`);
    destinations.push("169.254.169.254 80");
    const policies = [
      { preset: "open" },
      { preset: "none", allow: [`public.example:${web}`, `${privateAddress}`] },
      { preset: "open", deny: ["*.example", `${publicAddress}:${closing}`] },
      { preset: "registries", allow: ["*.sub.example", "host", "10.0.0.0/8"], deny: ["private"] },
    ] as const;
    const projects = [
      `only = ["*.example", "${hostAddress}"]\ndeny = ["other.example:${web}"]`,
      `deny = ["public.example", "${privateAddress}", "metadata"]`,
      "only = ['registries', 'own.example', 'both.example']",
    ];
    const tightened: string[] = [];
    for (const [index, lines] of projects.entries()) {
      const seedPath = ws.path(`project-${index}`);
      mkdirSync(seedPath);
      writeFileSync(join(seedPath, ".pyro.toml"), `[network]\n${lines}\n`);
      const options = { environment: "debian:12", networkPolicy: "egress", seedPath } as const;
      tightened.push((await ws.create(options)).workspaceId);
    }
    const allowing = { preset: "open", allow: ["private", "host"], deny: ["deep.sub.example"] };
    const cases = [
      ...policies.map((policy) => ({ policy, of: id })),
      ...tightened.map((of) => ({ policy: allowing as (typeof policies)[number], of })),
    ];
    const rows: unknown[] = [];
    for (const { policy, of } of cases) {
      const { rules } = await ws.pyro.showNetwork(of);
      await ws.pyro.changeNetwork(of, { remove: rules, ...policy });
      const { outcomes, deniedConnections, sequence } = await reach(
        destinations.map((destination) => `tcp ${destination}`),
        of,
      );
      const { connections } = await ws.pyro.logNetwork(of, { source: `command:${sequence}` });
      for (const [index, destination] of destinations.entries()) {
        const [host = "", port = ""] = destination.split(" ");
        const check = await ws.pyro.checkNetwork(of, destination.replace(" ", ":"));
        const isIt = (one: { host: string; port: number }) =>
          one.host === host && one.port === Number(port);
        const logged = connections.filter(isIt);
        const denied = deniedConnections.filter(isIt);
        const { verdict, rule, reason } = check;
        const row = { policy, destination, outcome: outcomes[index], check, logged, denied };
        const text = JSON.stringify(row, undefined, 2);
        assert.deepEqual(
          logged.map((one) => [one.verdict, one.rule, one.reason, one.count]),
          [[verdict, rule, reason, 1]],
          text,
        );
        if (verdict === "deny") {
          // A client that was slow to say that it speaks HTTP is reset.
          assert.ok(["ECONNRESET", `403 ${reason}`].includes(outcomes[index] ?? ""), text);
          assert.deepEqual(denied, [{ host, port: Number(port), rule, count: 1 }], text);
        } else {
          assert.match(outcomes[index] ?? "", /^(from outside|canary|nothing|ECONNRESET)$/, text);
          assert.deepEqual(denied, [], text);
        }
        rows.push([verdict, rule]);
      }
    }
    canary.take();
    assert.equal(rows.length, 91);
    // More than a few of each kind of answer.
    const kinds = new Set(rows.map((row) => JSON.stringify(row)));
    assert.ok(kinds.size >= 12, JSON.stringify(rows));
    assert.ok([...kinds].filter((kind) => kind.includes(".pyro.toml: ")).length >= 5);
    for (const of of tightened) await ws.pyro.deleteWorkspace(of);
    const { rules } = await ws.pyro.showNetwork(id);
    await ws.pyro.changeNetwork(id, { remove: rules, preset: "open" });
  });

  it("is cut off when its supervisor is killed, and let out as before by the next one", async () => {
    const kept = await ws.pyro.changeNetwork(id, { allow: ["10.11.12.13:14"] });
    const { publicAddress } = outside;
    const program = [
      "import socket",
      `s = socket.create_connection(("${publicAddress}", ${outsidePorts.web}))`,
      's.sendall(b"GET /endless HTTP/1.0\\r\\n\\r\\n")',
      "for _ in range(100): s.recv(10000)",
      "print('flow' + 'ing', flush=True)",
      "try:",
      "  while s.recv(65536): pass",
      "except ConnectionResetError: pass",
      "print('c' + 'ut')",
    ].join("\n");
    await until("earlier connections are gone", () => outside.open === 0);
    const { shellId } = await ws.pyro.openShell(id, { command: ["python3", "-c", program] });
    await ws.pyro.readShell(id, shellId, { plain: true, waitFor: "flowing" });
    assert.equal(outside.open, 1);
    const { total } = outside;
    await ws.killSupervisor(id);
    await until("nothing flows any more", () => outside.open === 0);
    const { output } = await ws.pyro.readShell(id, shellId, { plain: true, waitFor: "cut" });
    assert.match(output, /cut/);
    assert.equal(outside.total, total);

    const web = `tcp ${publicAddress} ${outsidePorts.web}`;
    assert.deepEqual((await reach([web])).outcomes, ["from outside"]);
    assert.deepEqual(await ws.pyro.showNetwork(id), kept);
    await ws.pyro.changeNetwork(id, { remove: ["10.11.12.13:14"] });
  });

  it("is let out to nothing by a policy that is damaged", async () => {
    const web = `tcp ${outside.publicAddress} ${outsidePorts.web}`;
    const kept = String(ws.row(id)?.egress);
    const damage = [
      "",
      "null",
      kept.slice(0, -1),
      '{"preset":"open"}',
      '{"preset":"any","rules":[]}',
    ];
    const rules = ['"allow public"', '["allow public",1]', '["allow public","allow @"]'];
    damage.push(...rules.map((rule) => `{"preset":"open","rules":${rule}}`));
    const projects = ["3", "{}", '{"only":["@"],"deny":[]}', '{"only":null,"deny":[1]}'];
    damage.push(...projects.map((one) => `{"preset":"open","rules":[],"project":${one}}`));
    const put = (egress: string) =>
      ws.sql("UPDATE workspaces SET egress = ? WHERE workspace_id = ?", egress, id);
    for (const egress of damage) {
      put(egress);
      const { outcomes, deniedConnections } = await reach([web]);
      assert.match(outcomes[0] ?? "", /^(403 No rule allows .*|ECONNRESET)$/, egress);
      assert.equal(deniedConnections[0]?.rule, "preset none", egress);
    }
    put(kept);
    assert.deepEqual((await reach([web])).outcomes, ["from outside"]);
  });

  it("has 256 connections at a time and any number one after the other, in bounded memory", async () => {
    await until("earlier connections are gone", () => outside.open === 0);
    const pid = await ws.supervisor(id);
    const memory = (what: string) =>
      Number(
        new RegExp(`${what}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1],
      );
    const program = [
      "import concurrent.futures, socket",
      "def hold(_):",
      "  try:",
      `    s = socket.create_connection(("${outside.publicAddress}", ${outsidePorts.hold}))`,
      "    return s if s.recv(1) else None",
      "  except ConnectionResetError: return None",
      "pool = concurrent.futures.ThreadPoolExecutor(32)",
      "held = [s for s in pool.map(hold, range(256)) if s]",
      "beyond = [s for s in pool.map(hold, range(8)) if s]",
      "print(len(held), len(beyond))",
      "held.pop().close()",
      // The place of one that has just closed may be taken for a moment.
      "while not (again := hold(0)): pass",
      "again.close()",
      "for s in held: s.close()",
    ].join("\n");
    assert.equal(await ws.sh(id, `python3 -c '${program}'`), "256 0\n");
    await until("those are gone", () => outside.open === 0);
    // What came first took what it needs for as many as there can be; more of them take no more.
    const before = memory("VmRSS");
    // The highest is counted from here.
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    const one = [
      "import concurrent.futures, socket",
      "def come(_):",
      `  with socket.create_connection(("${outside.publicAddress}", ${outsidePorts.hold})) as s: return s.recv(1) == b"h"`,
      "print(sum(concurrent.futures.ThreadPoolExecutor(32).map(come, range(750))))",
    ].join("\n");
    assert.equal(await ws.sh(id, `python3 -c '${one}'`, 120), "750\n");
    const grownKib = memory("VmHWM") - before;
    assert.ok(grownKib < 32 << 10, `${grownKib} KiB more`);
    await until("all are gone", () => outside.open === 0);
  });

  it("is refused at once as real clients tell it, and never by a time-out", async () => {
    // By its name, as names that can lead nowhere are not looked up then.
    const silent = `public.example:${outsidePorts.hold}`;
    await ws.pyro.changeNetwork(id, { preset: "none", allow: [silent] });
    // Whoever meets silence waits for as long as this one.
    const program = [
      "import socket",
      `s = socket.create_connection(("public.example", ${outsidePorts.hold}))`,
      "s.recv(1) and print('wait' + 'ing', flush=True)",
      "s.recv(1)",
    ].join("\n");
    const waits = ["python3", "-c", program];
    const { shellId } = await ws.pyro.openShell(id, { command: waits });
    await ws.pyro.readShell(id, shellId, { plain: true, waitFor: "waiting" });
    const apt =
      "echo deb http://denied.example/debian x y > /tmp/x.list; apt-get update -o Dir::Etc::SourceList=/tmp/x.list -o Dir::Etc::SourceParts=- -o APT::Update::Error-Mode=any";
    const clients: readonly (readonly [string, RegExp])[] = [
      ["curl -sS --fail http://denied.example/", /returned error: 403/],
      ["curl -sS https://denied.example/", /\((35|56|7)\)/],
      ["git ls-remote https://denied.example/x.git", /unable to access/],
      [
        // The last line of its traceback; what is above names functions.
        "python3 -c 'import urllib.request as r; r.urlopen(\"https://denied.example/\")' 2>/tmp/said; code=$?; tail -n 1 /tmp/said >&2; exit $code",
        /reset by peer|EOF/,
      ],
      [apt, /403 {2}Forbidden/],
      ["! command -v node || node -e 'fetch(\"https://denied.example/\")'", /^$|fetch failed/],
    ];
    for (const [line, says] of clients) {
      const ended = await ws.pyro.execWorkspace(id, { command: ["sh", "-c", line] });
      const text = `${line}: ${JSON.stringify(ended)}`;
      assert.match(ended.stderr, says, text);
      assert.doesNotMatch(ended.stdout + ended.stderr, /time(d )?-?out/i, text);
      if (ended.exitCode === 0) continue;
      assert.equal(ended.deniedConnections[0]?.host, "denied.example", text);
    }
    assert.equal(outside.open, 1);
    await ws.pyro.closeShell(id, shellId);
  });
});
