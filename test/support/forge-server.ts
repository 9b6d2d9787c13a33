// A host that asks for a token, on HTTPS: `/echo` answers what it was asked, `/whoami` whether the token came, and
// everything below `/repositories/` is git's. Takes its directory as an argument, which has the certificate, the key, the
// token and the repositories. Prints a line when it listens and one for each request. Ends with its standard input.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";

const [directory = ""] = process.argv.slice(2);
const read = (name: string) => readFileSync(join(directory, name), "utf8");
const token = read("token").trim();
const inBasic = `Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;

function isAuthorized({ headers, url = "" }: IncomingMessage): boolean {
  return (
    headers.authorization === `Bearer ${token}` ||
    headers.authorization === inBasic ||
    headers["x-api-key"] === token ||
    new URL(url, "https://x").searchParams.get("token") === token
  );
}

/** As much of CGI as git's own server for HTTP needs. */
function git(request: IncomingMessage, response: ServerResponse, url: URL): void {
  const { headers, method = "" } = request;
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: join(directory, "repositories"),
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      HOME: directory,
      REMOTE_USER: "somebody",
      REMOTE_ADDR: "::1",
      REQUEST_METHOD: method,
      PATH_INFO: url.pathname.replace("/repositories", ""),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: headers["content-type"] ?? "",
      ...(headers["content-encoding"] && { HTTP_CONTENT_ENCODING: headers["content-encoding"] }),
      ...(headers["git-protocol"] && { GIT_PROTOCOL: String(headers["git-protocol"]) }),
      ...(headers["content-length"] && { CONTENT_LENGTH: headers["content-length"] }),
    } as Record<string, string>,
    stdio: ["pipe", "pipe", "inherit"],
  });
  request.pipe(child.stdin).on("error", () => undefined);
  let head = Buffer.alloc(0);
  let hasBegun = false;
  child.stdout.on("data", (chunk: Buffer) => {
    if (hasBegun) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    hasBegun = true;
    for (const line of head.subarray(0, end).toString("latin1").split("\r\n")) {
      const [name = "", value = ""] = line.split(/: (.*)/);
      if (name === "Status") response.statusCode = Number(value.slice(0, 3));
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
  });
  child.stdout.on("end", () => response.end());
}

const server = createServer(
  { key: read("key.pem"), cert: read("certificate.pem") },
  (request, response) => {
    const url = new URL(request.url ?? "/", `https://${request.headers.host}`);
    const known = isAuthorized(request);
    console.log(`${known ? "token" : "none"} ${request.method} ${url.hostname}${url.pathname}`);
    if (url.pathname === "/echo") {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ known, url: request.url, headers: request.headers, body }));
      });
      return;
    }
    if (!known) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="forge"' });
      response.end("who are you?\n");
    } else if (url.pathname === "/whoami") response.end("somebody\n");
    else if (url.pathname.startsWith("/repositories/")) git(request, response, url);
    else response.writeHead(404).end();
  },
);
server.listen({ port: 443 }, () => console.log("listening"));
process.stdin.on("end", () => process.exit()).resume();
