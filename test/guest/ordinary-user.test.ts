import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeAccount, ownUid } from "../support/account.ts";
import { PyroHome } from "../support/home.ts";
import { assertNothingLeft } from "../support/oracle.ts";

const server = `import http.server, pathlib
class Greeter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(pathlib.Path("greeting.txt").read_bytes())
http.server.HTTPServer(("127.0.0.1", 8000), Greeter).serve_forever()
`;

/** As models of one family write them. */
const patch = `*** Begin Patch
*** Update File: src/greeting.txt
@@
-hello
+hello, world
*** End Patch
`;

test("an ordinary user takes a checkout in, works on it with git, rg, a server and a model's patch, and takes it home", async () => {
  await using home = await PyroHome.warm("debian:12");
  const account = await makeAccount(home);
  const project = join(account.own, "project");
  mkdirSync(join(project, "src"), { recursive: true });
  writeFileSync(join(project, "src/greeting.txt"), "hello\n");
  writeFileSync(join(project, "src/server.py"), server);
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", project, ...args], {
      env: { PATH: process.env.PATH, HOME: project },
      encoding: "utf8",
    });
  git("init", "--quiet");
  git("add", ".");
  git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "one");
  execFileSync("chown", ["-R", `${ownUid}:${ownUid}`, account.own]);
  const pyro = async (...args: string[]) => {
    const { code, stdout, stderr } = await account.start(["workspace", ...args]).ended;
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const sh = (line: string) => pyro("exec", "--no-stdin", "w", "--", "sh", "-c", line);
  const assertGitWorks = async (changed: string) =>
    assert.equal(
      await sh("git status --porcelain && stat -c %u:%g . .git .git/HEAD .git/objects src | uniq"),
      `${changed}0:0\n`,
    );

  await pyro("create", "debian:12", "--name", "w", "--seed-path", project, "--id-only");
  await assertGitWorks("");
  assert.match(await sh("rg --line-number hello"), /^src\/greeting\.txt:1:hello\n$/);
  await sh("cd src && python3 server.py &");
  const asked = "curl --silent --retry 20 --retry-delay 1 --retry-connrefused 127.0.0.1:8000";
  assert.equal(await sh(asked), "hello\n");
  await pyro("patch", "apply", "w", "--patch", patch);
  assert.equal(await sh(asked), "hello, world\n");
  await assertGitWorks(" M src/greeting.txt\n");
  await pyro("sync", "push", "w", project);
  await assertGitWorks("");
  await pyro("patch", "apply", "w", "--patch", patch);
  await pyro("stop", "w");
  await pyro("start", "w");
  await assertGitWorks(" M src/greeting.txt\n");
  const taken = join(account.own, "taken.diff");
  await pyro("export", "w", "--patch", taken);
  git("apply", taken);
  assert.equal(readFileSync(join(project, "src/greeting.txt"), "utf8"), "hello, world\n");
  await pyro("reset", "w");
  await assertGitWorks("");
  await pyro("delete", "w");
  await assertNothingLeft({ ...account, sessions: [] });
});
