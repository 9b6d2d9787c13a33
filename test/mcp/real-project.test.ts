import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pageInBrowser, unpackedPackages } from "../support/debian-packages.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { TestWorkspaces } from "../support/workspaces.ts";
import { checkOut, urlOf } from "../use-cases/support/scene.ts";
import { type Bulk, type Json, McpConnection } from "./support/mcp-connection.ts";

const canary = (name: string) => `${name}-${randomBytes(9).toString("base64")}/+==?&%`;
const token = canary("token");
const password = canary("password");

/** An installer with a question that has a default, one whose answer is not shown, and a menu. */
const installer = `#!/bin/bash
read -rp 'Install where? [/opt/links] ' place
read -rsp 'Choose a password: ' password; echo
read -rsp 'Once more: ' again; echo
[ "$password" = "$again" ] || { echo 'They are not the same.'; exit 1; }
PS3='Which theme? '
select theme in light dark; do [ -n "$theme" ] && break; done
mkdir -p "\${place:=/opt/links}"
echo "theme = $theme" > "$place/links.ini"
echo "Installed in $place."
`;

describe("a project with a server, an editor, an installer and a secret, by the calls of an agent", () => {
  let ws: TestWorkspaces;
  let connection: McpConnection;
  let since: number;
  let url: string;
  const at = { workspace_id: "site" };
  const scan = new SecretScan([token, password]);
  const told: unknown[] = [];
  const record = async (tool: string, input: Json = {}): Promise<Json> => {
    const answer = await connection.record(tool, input);
    told.push(answer);
    return answer;
  };
  const bulk = async (tool: string, input: Json = {}): Promise<Bulk> => {
    const answer = await connection.bulk(tool, input);
    told.push(answer);
    return answer;
  };

  before(async () => {
    const editor = await unpackedPackages("vim-tiny");
    await unpackedPackages("chromium-headless-shell");
    ws = await TestWorkspaces.open();
    await ws.home.pull("debian:12");
    since = Date.now() - 1000;
    const project = checkOut("links", ws.home.directory);
    writeFileSync(join(project, "install.sh"), installer, { mode: 0o755 });
    writeFileSync(ws.path("token"), token, { mode: 0o600 });
    const allowed = [ws.home.directory, editor].flatMap((path) => ["--allow-path", path]);
    const serve = ["--profile", "workspace-full", ...allowed];
    connection = await McpConnection.open(ws.home, serve, { cwd: project });
    await record("workspace_create", {
      name: "site",
      network_policy: "published-ports",
      secrets: { LINKS_TOKEN: ws.path("token") },
    });
    await record("workspace_sync_push", { ...at, source: join(editor, "usr/bin"), dest: "tools" });
    await bulk("workspace_exec", {
      ...at,
      command: "mv tools/vim.tiny /usr/local/bin/vim && ./setup",
    });
  });
  after(async () => {
    await connection?.[Symbol.asyncDispose]();
    await ws?.assertNothingLeft();
    await ws?.[Symbol.asyncDispose]();
  });

  /** Somebody outside, who has the token, adds a link; answers what the server says. */
  const add = async (name: string): Promise<string> => {
    const body = new URLSearchParams({ name, target: `https://${name}.example/` });
    const headers = { authorization: `Bearer ${token}` };
    return await (await fetch(`${url}/links`, { method: "POST", headers, body })).text();
  };

  it("its server is started with the secret, is ready, and a browser of the host shows its page", async () => {
    const started = await record("service_start", {
      ...at,
      name: "web",
      command: "exec python3 -m links",
      env: { LINKS_DEBUG: "yes" },
      secret_env: { LINKS_TOKEN: "LINKS_TOKEN" },
      readiness: { http: "http://localhost:8000/" },
      publish: [8000],
    });
    assert.deepEqual([started.state, (started.readiness as Json).ready], ["running", true]);
    url = urlOf(started);
    assert.equal(await add("docs"), "added docs\n");
    assert.match(await pageInBrowser(url), /<li>docs leads to https:\/\/docs\.example\/<\/li>/);
    const { text } = await bulk("service_logs", { ...at, name: "web" });
    assert.match(text, /Authorization: Bearer \[REDACTED:LINKS_TOKEN\]\n/);
    assert.match(text, /"GET \/links\.json HTTP\/1\.1" 200/);
  });

  it("a file is written with vim", async () => {
    const opened = await record("shell_open", { ...at, command: ["vim", "notes.txt"] });
    const shell = { ...at, shell_id: opened.shell_id };
    const screen = (wait_for: string) => bulk("shell_read", { ...shell, mode: "screen", wait_for });
    assert.match((await screen("notes.txt")).text, /full-screen program/);
    await record("shell_write", { ...shell, input: "ifirst\nsecond", append_newline: false });
    assert.match((await screen("second")).text, /\nfirst\nsecond\n~\n/);
    await record("shell_write", { ...shell, keys: ["esc", "up", "0", "D"] });
    await record("shell_write", { ...shell, input: ":wq" });
    const ended = await bulk("shell_read", { ...shell, wait_for: "never shown" });
    assert.match(ended.header, /^ended with exit code 0/);
    await record("shell_close", shell);
    const { parts } = await bulk("workspace_file_read", { ...at, path: "notes.txt" });
    assert.deepEqual(parts, ["\nsecond\n"]);
  });

  it("an installer is answered: a default, a password that is not shown, a menu", async () => {
    const opened = await record("shell_open", { ...at, command: ["./install.sh"] });
    const shell = { ...at, shell_id: opened.shell_id };
    const answer = async (wait_for: string, input: string) => {
      const { text, facts } = await bulk("shell_read", { ...shell, wait_for });
      assert.equal(facts.matched, true, text);
      await record("shell_write", { ...shell, input });
    };
    await answer("Install where? [/opt/links] ", "");
    await answer("Choose a password: ", password);
    await answer("Once more: ", password);
    await answer("Which theme? ", "2");
    const ended = await bulk("shell_read", { ...shell, wait_for: "never shown" });
    assert.match(ended.text, /^ended with exit code 0[\s\S]*Installed in \/opt\/links\.\n/);
  });

  it("it is stopped, and its disk is looked at", async () => {
    await record("snapshot_create", { ...at, name: "worked" });
    await bulk("workspace_diff", at);
    await record("workspace_export", { ...at, path: ".", output_path: ws.path("exported") });
    const stopped = await record("workspace_stop", at);
    assert.equal(stopped.state, "stopped");
    assert.match(String(stopped.next), /^workspace_start .*"resume_services":true/);
    await assert.rejects(fetch(url));
    const { entries } = await record("workspace_disk_list", { ...at, path: "/opt/links" });
    assert.deepEqual(
      (entries as readonly Json[]).map(({ path }) => path),
      ["/opt/links/links.ini"],
    );
    const { parts } = await bulk("workspace_disk_read", { ...at, path: "/opt/links/links.ini" });
    assert.deepEqual(parts, ["theme = dark\n"]);
  });

  it("it goes on with its server, where browsers knew it", async () => {
    const started = await record("workspace_start", { ...at, resume_services: true });
    assert.equal(started.running_service_count, 1);
    assert.match(String(started.next), /^service_list /);
    const { services } = await record("service_list", at);
    const [web] = services as readonly Json[];
    assert.deepEqual([web?.state, urlOf(web ?? {})], ["running", url]);
    assert.equal(await add("wiki"), "added wiki\n");
    const page = await pageInBrowser(url);
    assert.match(page, /<li>docs leads to [^<]*<\/li><li>wiki leads to/);
    const { text } = await bulk("service_logs", { ...at, name: "web" });
    assert.match(text, /Authorization: Bearer \[REDACTED:LINKS_TOKEN\]\n/);
  });

  it("the secret is in one file that its workspace takes along, and a typed password nowhere", async () => {
    for (const tool of ["workspace_status", "workspace_summary", "service_list"])
      await record(tool, at);
    await bulk("workspace_logs", at);
    assert.equal(scan.finds(Buffer.from(JSON.stringify(told))), false);
    assert.equal(scan.finds(Buffer.from(connection.stderr)), false);
    const { directory, stateDirectory, cacheDirectory } = ws.home;
    const places = () =>
      scan.places({ directories: [directory, cacheDirectory], since, processTraces: [directory] });
    const { workspaceId } = await ws.pyro.statusWorkspace("site");
    const kept = join(stateDirectory, "workspaces", workspaceId, "secrets.json");
    const given = ["token", kept.slice(directory.length + 1)].sort();
    assert.deepEqual(await places(), given);
    await record("workspace_delete", at);
    assert.deepEqual(await places(), ["token"]);
  });
});
