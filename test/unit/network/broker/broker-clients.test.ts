import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { BrokeredHost, credential } from "../../../support/brokered-host.ts";
import { GitHost } from "../../../support/git-host.ts";
import { scratchDirectory } from "../../../support/home.ts";

const run = promisify(execFile);
const value = "canary-S3cret-0123456789";
const { placeholder } = credential(value);
const basic = `Basic ${Buffer.from(`x-access-token:${value}`).toString("base64")}`;

describe("programs that speak with the host of a credential", () => {
  let place: BrokeredHost;
  let other: BrokeredHost;
  const directory = scratchDirectory();
  const authority = join(directory, "authority.pem");
  before(async () => {
    place = await BrokeredHost.start(() => undefined, { credentials: [credential(value)] });
    other = await BrokeredHost.start(
      (asked, response) => void response.end(JSON.stringify({ url: asked.url, ...asked.headers })),
      { host: "other.example", credentials: [credential(value)] },
    );
    writeFileSync(authority, place.ca.certificatePem + other.ca.certificatePem);
  });
  after(async () => {
    await place[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  const curl = async (...args: string[]): Promise<string> => {
    const hosts = [place, other].map(({ host, port }) => `${host}:443:127.0.0.1:${port}`);
    const where = hosts.flatMap((one) => ["--connect-to", one]);
    const { stdout } = await run("curl", ["-sS", "--cacert", authority, ...where, ...args], {
      maxBuffer: 64 << 20,
    });
    return stdout;
  };

  for (const version of ["--http1.1", "--http2"]) {
    it(`curl ${version}: headers, Basic, a query, a body and a file`, async () => {
      const seen: string[] = [];
      place.answer = async (asked, response) => {
        let bytes = 0;
        for await (const chunk of asked) bytes += (chunk as Buffer).length;
        seen.push(`${asked.method} ${asked.url} ${asked.headers.authorization} ${bytes}`);
        response.end(`you said ${asked.headers.authorization} and ${asked.url}`);
      };
      const said = [
        await curl(version, "-H", `Authorization: Bearer ${placeholder}`, "https://api.example/a"),
        await curl(version, "-u", `x-access-token:${placeholder}`, "https://api.example/b"),
        await curl(version, `https://api.example/c?token=${placeholder}`),
        await curl(version, "-d", placeholder, "https://api.example/d"),
      ];
      const file = join(directory, "file");
      writeFileSync(file, randomBytes(3_000_000));
      said.push(
        await curl(version, "-T", file, "-H", `X: ${placeholder}`, "https://api.example/e"),
      );
      assert.deepEqual(seen, [
        `GET /a Bearer ${value} 0`,
        `GET /b ${basic} 0`,
        `GET /c?token=${value} undefined 0`,
        `POST /d undefined ${placeholder.length}`,
        "PUT /e undefined 3000000",
      ]);
      const text = said.join();
      assert.ok(!text.includes(value) && !text.includes(basic.slice(-20)), text);
    });

    it(`curl ${version}: a redirect to another host carries a placeholder there`, async () => {
      place.answer = (asked, response) => {
        response.writeHead(307, { location: `https://other.example/?${asked.url.split("?")[1]}` });
        response.end();
      };
      const headers = ["-H", `X-Token: ${placeholder}`, "-u", `me:${placeholder}`];
      const options = ["-L", "--location-trusted", ...headers];
      const url = `https://api.example/?token=${placeholder}`;
      const got = JSON.parse(await curl(version, ...options, url));
      assert.equal(got["x-token"], placeholder);
      assert.equal(
        got.authorization,
        `Basic ${Buffer.from(`me:${placeholder}`).toString("base64")}`,
      );
      assert.equal(got.url, "/?token=[REDACTED:TOKEN]");
      assert.ok(other.events.every(({ kind }) => kind !== "used"));
    });
  }

  it("git clones, pushes and fetches with a token that it does not have", async () => {
    await using host = await GitHost.start(place.host, basic);
    await using forge = await BrokeredHost.start(() => undefined, {
      isOnFrontPort: true,
      port: host.port,
    });
    forge.credentials = [credential(value, { hosts: [`${forge.host}:${forge.port}`] })];
    writeFileSync(authority, forge.ca.certificatePem);
    const home = join(directory, "home");
    mkdirSync(home);
    const git = (cwd: string, ...args: string[]) =>
      run("git", args, {
        cwd,
        env: {
          PATH: process.env.PATH,
          HOME: home,
          GIT_CONFIG_NOSYSTEM: "1",
          GIT_TERMINAL_PROMPT: "0",
          GIT_SSL_CAINFO: authority,
          GIT_AUTHOR_NAME: "a",
          GIT_AUTHOR_EMAIL: "a@example.com",
          GIT_COMMITTER_NAME: "a",
          GIT_COMMITTER_EMAIL: "a@example.com",
          // As a name server would answer.
          GIT_CONFIG_COUNT: "1",
          GIT_CONFIG_KEY_0: "http.curloptResolve",
          GIT_CONFIG_VALUE_0: `${place.host}:${forge.port}:127.0.0.1`,
        } as NodeJS.ProcessEnv,
      });
    const url = `https://x-access-token:${placeholder}@${place.host}:${forge.port}/private.git`;
    await git(directory, "clone", "--quiet", url, "a");
    const a = join(directory, "a");
    writeFileSync(join(a, "large"), randomBytes(5_000_000));
    await git(a, "add", ".");
    await git(a, "commit", "--quiet", "-m", "one");
    await git(a, "push", "--quiet", "origin", "HEAD:main");
    await git(directory, "clone", "--quiet", url, "b");
    assert.ok(readFileSync(join(directory, "b", "large")).equals(readFileSync(join(a, "large"))));
    writeFileSync(join(a, "small"), "two");
    await git(a, "add", ".");
    await git(a, "commit", "--quiet", "-m", "two");
    await git(a, "push", "--quiet", "origin", "HEAD:main");
    await git(join(directory, "b"), "fetch", "--quiet");
    const { stdout } = await git(join(directory, "b"), "log", "--format=%s", "origin/main");
    assert.equal(stdout, "two\none\n");
    const wrong = url.replace(placeholder, "another");
    await assert.rejects(git(directory, "clone", "--quiet", wrong, "c"));
    assert.ok(forge.events.some((event) => event.kind === "used" && event.method === "POST"));
  });

  it("Node's fetch sends and streams", async () => {
    place.answer = async (asked, response) => {
      response.writeHead(200, { "x-length": `${asked.headers.authorization?.length}` });
      for await (const chunk of asked) response.write(`<${chunk}>`);
      response.end(String(asked.headers.authorization));
    };
    await using local = await BrokeredHost.start(place.answer, {
      host: "localhost",
      isOnFrontPort: true,
    });
    local.credentials = [credential(value, { hosts: [`localhost:${local.port}`] })];
    writeFileSync(authority, local.ca.certificatePem);
    const program = `
      const body = new ReadableStream({ start(c) { for (const part of ["one", "two"]) c.enqueue(Buffer.from(part)); c.close(); } });
      const headers = { authorization: "Bearer ${placeholder}" };
      const answer = await fetch("https://localhost:${local.port}/", { method: "POST", body, duplex: "half", headers });
      console.log(answer.status, answer.headers.get("x-length"), await answer.text());`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], {
      env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: authority } as NodeJS.ProcessEnv,
    });
    const shown = `Bearer ${"*".repeat(value.length)}`;
    assert.equal(stdout, `200 ${shown.length} <one><two>${shown}\n`);
  });
});
