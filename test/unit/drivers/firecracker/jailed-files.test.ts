import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertConfined } from "../../../../src/drivers/confinement.ts";
import { Descriptors, firstInheritedFd } from "../../../../src/drivers/descriptors.ts";
import {
  consoleFlags,
  makeConsolePipe,
  readConsolePipe,
} from "../../../../src/drivers/firecracker/console.ts";
import {
  tryConnectJailed,
  untilConnected,
} from "../../../../src/drivers/firecracker/jailed-socket.ts";
import { type LaunchOptions, launchJailed } from "../../../../src/drivers/launch.ts";
import { isAlive, killProcess } from "../../../../src/platform/processes.ts";
import { listenUnix } from "../../../../src/platform/unix-socket.ts";
import { builtAgent, scratchDirectory } from "../../../support/home.ts";
import { until } from "../../../support/until.ts";

const directory = scratchDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));

const launch = (script: string, options: Partial<LaunchOptions> = {}) =>
  launchJailed({
    program: "/usr/bin/perl",
    arguments: ["-e", script],
    devices: [],
    descriptors: new Descriptors(),
    deviceGid: undefined,
    guardianProgram: builtAgent,
    lifetime: "caller",
    ...options,
  });

/** Listens in the root of its jail as a monitor does, and greets whoever comes. */
const listener = `use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("/api.sock")) or die $!; listen(S, 5);
  while (accept(C, S)) { syswrite(C, "hello"); push @held, *C{IO}; undef *C; }`;

test("a socket in the root of a jail is reached as long as its process lives, and has no name outside", async () => {
  const { identity, allowance } = await launch(listener, { ownSockets: ["/api.sock"] });
  const connect = () => tryConnectJailed(identity, "/api.sock");
  const socket = await untilConnected(identity, connect, { pollMs: 2 });
  const [greeting] = await Array.fromAsync(
    (async function* () {
      for await (const chunk of socket) {
        yield String(chunk);
        return;
      }
    })(),
  );
  assert.equal(greeting, "hello");
  assert.equal(existsSync("/api.sock"), false);
  // All that it lacks is a filter, which a stand-in has not: its sockets are its own.
  assert.throws(
    () => assertConfined(identity.pid, allowance),
    /is not confined: no system call filter\.$/,
  );
  assert.throws(
    () => assertConfined(identity.pid, { ...allowance, ownSockets: [] }),
    /sees \/api\.sock; has open .*socket:/,
  );
  await killProcess(identity);
  assert.equal(await connect(), undefined);
  await assert.rejects(untilConnected(identity, connect, { pollMs: 2 }), { code: "guest_lost" });
});

test("what a monitor puts in the place of its socket leads to nobody else's", async () => {
  const outside = join(directory, "outside.sock");
  await using server = await listenUnix(outside);
  let visitors = 0;
  server.on("connection", () => visitors++);
  const script = `symlink("${outside}", "/api.sock") or die $!; print STDERR "linked\n"; sleep 600`;
  const { identity } = await launch(script, { ownSockets: ["/api.sock"] });
  const place = `/proc/${identity.pid}/root/api.sock`;
  await until("the link is there", () => lstatSync(place, { throwIfNoEntry: false }) !== undefined);
  await assert.rejects(tryConnectJailed(identity, "/api.sock"), {
    code: "vmm_failed",
    message: /has something else in the place of its socket \/api\.sock\.$/,
  });
  assert.equal(visitors, 0);
  await killProcess(identity);
});

test("a console is read by one after the other, and holds nobody up that writes to it", async () => {
  const place = join(directory, "x".repeat(200));
  mkdirSync(place);
  const path = await makeConsolePipe(place);
  const descriptors = new Descriptors();
  descriptors.share(path, consoleFlags);
  const script = `$SIG{USR1} = sub { $go = 1 }; $| = 1; print "first\\n"; select(undef, undef, undef, 0.05) until $go; for (1..20000) { syswrite(STDOUT, "0123456789") } print STDERR "done\\n"; sleep 600`;
  const { identity, exited } = await launch(script, { descriptors, stdoutFd: firstInheritedFd });
  descriptors.close();
  const read = async (): Promise<string> => {
    const pipe = readConsolePipe(path);
    for await (const chunk of pipe) {
      pipe.destroy();
      return String(chunk);
    }
    return "";
  };
  assert.equal(await read(), "first\n");
  // Nobody reads while it writes more than a pipe holds.
  process.kill(identity.pid, "SIGUSR1");
  let text = "";
  while (!text.includes("0123456789")) {
    await sleep(50);
    text = await read();
  }
  assert.ok(isAlive(identity));
  await killProcess(identity);
  assert.match((await exited).stderrTail, /done/);
});
