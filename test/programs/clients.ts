import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Outside, outsidePorts, outsideSkip } from "../support/outside.ts";
import { environmentWith } from "../support/programs-environment.ts";
import { remotePyro } from "../support/remote-pyro.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

// The way out as other people's libraries meet it: each resolves names, connects and fails in its own way.

const run = promisify(execFile);
const packages = [
  ...["ca-certificates", "curl", "wget", "git", "netcat-openbsd", "busybox-static"],
  ...["python3-requests", "python3-httpx", "python3-aiohttp", "python3-urllib3"],
  ...["nodejs", "ruby", "php-cli", "php-curl", "perl", "libwww-perl"],
  ...["default-jdk-headless", "gcc", "libc6-dev", "musl-tools", "chromium"],
];

const goSource = `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	answer, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	body, _ := io.ReadAll(answer.Body)
	fmt.Print(string(body))
}
`;

const javaSource = `import java.net.URI;
import java.net.http.*;

public class Fetch {
  public static void main(String[] args) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(args[0])).build();
    System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
  }
}
`;

const cSource = `#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The host and port of http://HOST:PORT/, by the C library's own resolver. */
int main(int argc, char **argv) {
  char host[256], port[16], page[4096];
  struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM};
  if (argc < 2 || sscanf(argv[1], "http://%255[^:]:%15[0-9]", host, port) != 2) return 2;
  int why = getaddrinfo(host, port, &hints, &found);
  if (why != 0) return fprintf(stderr, "%s\\n", gai_strerror(why)), 1;
  int one = socket(found->ai_family, SOCK_STREAM, 0);
  if (connect(one, found->ai_addr, found->ai_addrlen) != 0) return perror("connect"), 1;
  dprintf(one, "GET / HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n", host);
  int all = 0, got;
  while ((got = read(one, page + all, sizeof page - 1 - all)) > 0) all += got;
  if (got < 0) return perror("read"), 1;
  page[all] = 0;
  char *body = strstr(page, "\\r\\n\\r\\n");
  return body == NULL ? 1 : (printf("%s", body + 4), 0);
}
`;

/** Go's compiler takes an emulated guest many minutes. */
const goPrograms = { "fetch-go": ["0", "netgo"], "fetch-go-libc": ["1", "netcgo"] } as const;

/** What is made once in the guest, with the sources above. */
const preparations = [
  `cat > Fetch.java <<'END'\n${javaSource}END`,
  "javac Fetch.java",
  `cat > fetch.c <<'END'\n${cSource}END`,
  "gcc -o fetch-glibc fetch.c",
  "musl-gcc -static -o fetch-musl fetch.c",
  "useradd --create-home ordinary",
];

/** Each fetches $URL and prints its page; fails where it cannot. */
const clients: Readonly<Record<string, string>> = {
  curl: 'curl -sSf "$URL"',
  "curl -4": 'curl -4 -sSf "$URL"',
  wget: 'wget -nv -O - "$URL"',
  "busybox wget, without a C library's resolver": 'busybox wget -q -O - "$URL"',
  "Python urllib": `python3 -c 'import os, urllib.request as u; print(u.urlopen(os.environ["URL"]).read().decode(), end="")'`,
  "Python requests": `python3 -c 'import os, requests as r; a = r.get(os.environ["URL"]); a.raise_for_status(); print(a.text, end="")'`,
  "Python httpx": `python3 -c 'import os, httpx; a = httpx.get(os.environ["URL"]); a.raise_for_status(); print(a.text, end="")'`,
  "Python aiohttp": `python3 -c 'import asyncio, os, aiohttp
async def main():
  async with aiohttp.ClientSession(raise_for_status=True) as s, s.get(os.environ["URL"]) as a: print(await a.text(), end="")
asyncio.run(main())'`,
  "Node fetch": `node -e 'fetch(process.env.URL).then(async (a) => a.ok ? process.stdout.write(await a.text()) : process.exit(1))'`,
  "Node http": `node -e 'require("http").get(process.env.URL, (a) => a.statusCode === 200 ? a.pipe(process.stdout) : process.exit(1))'`,
  Ruby: `ruby -ropen-uri -e 'print URI.open(ENV["URL"]).read'`,
  "PHP streams": `php -r '$page = file_get_contents(getenv("URL")); $page === false ? exit(1) : print($page);'`,
  "PHP curl": `php -r '$c = curl_init(getenv("URL")); curl_setopt_array($c, [CURLOPT_RETURNTRANSFER => 1, CURLOPT_FAILONERROR => 1]); $page = curl_exec($c); $page === false ? exit(1) : print($page);'`,
  "Perl LWP": `perl -MLWP::UserAgent -e '$a = LWP::UserAgent->new->get($ENV{URL}); $a->is_success or exit 1; print $a->content'`,
  "Go, its own resolver": './fetch-go "$URL"',
  "Go, the C library's": './fetch-go-libc "$URL"',
  "Java HttpClient": 'java -Xint -cp . Fetch "$URL"',
  "C on glibc": './fetch-glibc "$URL"',
  "C on musl": './fetch-musl "$URL"',
  Chromium:
    'su ordinary -c "chromium --headless --no-sandbox --disable-gpu --dump-dom $URL 2>/dev/null" | grep -o "from outside"',
};

/** Programs that print the page of a refusal as if it were one. */
const printsAnyPage = new Set([
  ...["Go, its own resolver", "Go, the C library's", "Java HttpClient"],
  ...["C on glibc", "C on musl"],
]);

type Fetched = Awaited<ReturnType<TestWorkspaces["pyro"]["execWorkspace"]>>;

describe("clients that go out by name", { skip: outsideSkip }, () => {
  let outside: Outside;
  let ws: TestWorkspaces;
  let id: string;
  const parts = new AsyncDisposableStack();
  before(async () => {
    outside = parts.use(await Outside.open());
    ws = parts.use(await TestWorkspaces.open((home) => remotePyro(home.env, outside.mounts)));
    const environment = await environmentWith(ws.home, packages);
    for (const name of ["allowed.example", "denied.example"])
      outside.names.meanings.set(name, () => [outside.publicAddress]);
    const seedPath = ws.path("programs");
    mkdirSync(seedPath);
    writeFileSync(join(seedPath, "fetch.go"), goSource);
    for (const [name, [cgo, tags]] of Object.entries(goPrograms)) {
      const build = ["build", "-tags", tags, "-o", name, "fetch.go"];
      await run("go", build, { cwd: seedPath, env: { ...process.env, CGO_ENABLED: cgo } });
    }
    ({ workspaceId: id } = await ws.create({
      ...{ name: "clients", environment, memMib: 2048, seedPath },
      ...{
        networkPolicy: "egress",
        networkPreset: "none",
        allowHosts: ["allowed.example", "unknown.example"],
      },
    }));
    for (const line of preparations) await ws.sh(id, line, 280);
  });
  after(async () => {
    await using _ = parts;
    await ws.pyro.deleteWorkspace(id);
    await ws.assertNothingLeft();
  });

  const fetching = async (line: string, host: string) =>
    await ws.pyro.execWorkspace(id, {
      command: ["sh", "-c", line],
      env: { URL: `http://${host}:${outsidePorts.web}/` },
      timeoutSeconds: 200,
    });

  for (const [name, line] of Object.entries(clients))
    it(`${name}: is let to what is allowed, fails with what is not, and with a name that is none`, async (t) => {
      const allowed = await fetching(line, "allowed.example");
      assert.equal(allowed.stdout.trim(), "from outside", allowed.stderr);
      // Chromium calls home beside.
      const hosts = ({ deniedConnections }: Fetched) =>
        deniedConnections.map(({ host, port }) => `${host}:${port}`);
      assert.ok(!hosts(allowed).some((host) => host.includes("allowed.example")));

      const denied = await fetching(line, "denied.example");
      assert.equal(denied.timedOut, false);
      assert.doesNotMatch(denied.stdout, /from outside/);
      if (!printsAnyPage.has(name)) assert.notEqual(denied.exitCode, 0, denied.stdout);
      assert.ok(hosts(denied).includes(`denied.example:${outsidePorts.web}`), hosts(denied).join());

      const unknown = await fetching(line, "unknown.example");
      assert.equal(unknown.timedOut, false);
      assert.notEqual(unknown.exitCode, 0, unknown.stdout);
      const took = [allowed, denied, unknown].map(
        ({ durationMs }) => `${Math.round(durationMs)} ms`,
      );
      t.diagnostic(`allowed, denied, unknown: ${took.join(", ")}`);
    });
});
