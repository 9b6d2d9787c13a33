import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { QemuMonitor } from "../../../src/drivers/qemu/monitor.ts";
import { saveState } from "../../../src/drivers/qemu/save-state.ts";
import { PyroError } from "../../../src/model/errors.ts";
import { listenUnix } from "../../../src/platform/unix-socket.ts";
import { scratchDirectory } from "../../support/home.ts";

/** A peer that speaks QMP as far as `reply` lets it. */
async function withMonitor(
  reply: (line: { execute: string; id: number }, socket: Socket) => void,
  work: (monitor: QemuMonitor) => Promise<void>,
): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write('{"QMP":{"version":{}}}\n');
    let rest = "";
    socket.on("data", (chunk) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) reply(JSON.parse(line), socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  const monitor = new QemuMonitor(socket);
  try {
    await work(monitor);
  } finally {
    monitor.close();
    server.close();
  }
}

const failsWith = (pattern: RegExp) => (error: unknown) =>
  error instanceof PyroError && error.code === "vmm_failed" && pattern.test(error.message);

test("replies are matched by id, events in between are skipped", async () => {
  const held: { id: number; socket: Socket }[] = [];
  await withMonitor(
    ({ execute, id }, socket) => {
      if (execute === "first") held.push({ id, socket });
      else {
        socket.write(`{"event":"STOP"}\n{"return":"second","id":${id}}\n`);
        for (const one of held) one.socket.write(`{"return":"first","id":${one.id}}\n`);
      }
    },
    async (monitor) => {
      assert.deepEqual(await Promise.all([monitor.execute("first"), monitor.execute("second")]), [
        "first",
        "second",
      ]);
    },
  );
});

test("a refusal carries QEMU's own words", async () => {
  await withMonitor(
    ({ id }, socket) =>
      socket.write(`{"error":{"class":"GenericError","desc":"no such thing"},"id":${id}}\n`),
    (monitor) => assert.rejects(monitor.execute("x"), failsWith(/no such thing/)),
  );
});

test("nonsense and a closed socket fail what waits and what comes after", async () => {
  await withMonitor(
    (_, socket) => socket.write("hello\n"),
    async (monitor) => {
      await assert.rejects(monitor.execute("x"), failsWith(/other than JSON/));
      await assert.rejects(monitor.execute("y"), failsWith(/other than JSON/));
    },
  );
  await withMonitor(
    (_, socket) => socket.destroy(),
    (monitor) => assert.rejects(monitor.execute("x"), failsWith(/closed its control socket/)),
  );
});

test("an endless line is not collected for ever", async () => {
  await withMonitor(
    (_, socket) => socket.write("x".repeat(3 << 20)),
    (monitor) => assert.rejects(monitor.execute("x"), failsWith(/endless line/)),
  );
});

test("a state that QEMU does not get saved makes no template", async () => {
  const directory = scratchDirectory();
  const statePath = join(directory, "state");
  await using listener = await listenUnix(join(directory, "state.sock"));
  await withMonitor(
    ({ execute, id }, socket) => {
      const value = execute === "query-migrate" ? { status: "failed" } : {};
      socket.write(`${JSON.stringify({ return: value, id })}\n`);
    },
    (monitor) =>
      assert.rejects(saveState(monitor, { statePath, listener, jailedPath: "/" }), {
        code: "template_unusable",
        message: /ended as "failed"/,
      }),
  );
  rmSync(directory, { recursive: true });
});
