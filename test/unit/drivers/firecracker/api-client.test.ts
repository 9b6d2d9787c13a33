import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ApiRefusal, callApi } from "../../../../src/drivers/firecracker/api-client.ts";
import { scratchDirectory } from "../../../support/home.ts";

const directory = scratchDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));

let count = 0;

/** Makes one request to a server that answers as `answer` does, and tells what came. */
async function ask(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  timeoutMs?: number,
): Promise<{ body: string; error: unknown }> {
  const path = join(directory, `${count++}.sock`);
  let body = "";
  const server = createServer(async (request, response) => {
    for await (const chunk of request) body += String(chunk);
    answer(request, response);
  }).listen(path);
  await once(server, "listening");
  try {
    const call = { method: "PUT", path: "/drives/env", body: { drive_id: "env" } } as const;
    await callApi(connect(path), call, timeoutMs);
    return { body, error: undefined };
  } catch (error) {
    return { body, error };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("a request to Firecracker", () => {
  it("carries its document with its length", async () => {
    let headers: IncomingMessage["headers"] = {};
    const { body, error } = await ask((request, response) => {
      headers = request.headers;
      response.writeHead(204).end();
    });
    assert.equal(error, undefined);
    assert.equal(body, '{"drive_id":"env"}');
    assert.deepEqual([headers["content-length"], headers["transfer-encoding"]], ["18", undefined]);
  });

  it("fails with Firecracker's own words when it is refused", async () => {
    const { error } = await ask((_, response) =>
      response.writeHead(400).end('{"fault_message":"Unable to open the block device."}'),
    );
    assert.ok(error instanceof ApiRefusal);
    assert.equal(
      error.message,
      "Firecracker refused PUT /drives/env: Unable to open the block device.",
    );
  });

  it("fails when the answer is nonsense, endless, late, or never ends", async () => {
    const nonsense = await ask((_, response) => response.writeHead(500).end("<html>"));
    assert.match(String(nonsense.error), /refused PUT \/drives\/env: status 500\./);
    const endless = await ask((_, response) => response.writeHead(400).end("x".repeat(1 << 20)));
    assert.match(String(endless.error), /an endless answer/);
    const late = await ask(() => undefined, 50);
    assert.match(String(late.error), /no answer within 0\.05 s\./);
  });

  it("is no refusal when the process ends meanwhile", async () => {
    const { error } = await ask((request) => request.socket.destroy());
    assert.ok(!(error instanceof ApiRefusal));
    assert.match(String(error), /Firecracker closed its control socket at PUT \/drives\/env\./);
  });
});
