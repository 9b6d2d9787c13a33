import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { baseEnvironment, PyroHome, repository } from "../support/home.ts";

/** What the Debian environments set. */
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

describe("pyro run in a real guest", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  it("keeps standard output, standard error and the exit code apart", async () => {
    const ended = await home.run(["sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert.deepEqual([ended.stdout, ended.stderr, ended.code], ["out\n", "err\n", 7]);
  });

  it("shows both in the order in which they were written, where they come together", async () => {
    const said = Array.from({ length: 100 }, (_, index) => `out ${index}\nerr ${index}\n`).join("");
    const line = "i=0; while [ $i -lt 100 ]; do echo out $i; echo err $i >&2; i=$((i + 1)); done";
    const together = ["sh", "-c", '"$@" 2>&1', "sh", join(repository, "bin", "pyro")];
    const run = ["run", baseEnvironment, "--", "sh", "-c", line];
    // A guest whose host is busy may write on before its agent has read.
    const tries: string[] = [];
    while (tries.at(-1) !== said && tries.length < 5)
      tries.push((await home.startProgram([...together, ...run]).ended).stdout);
    assert.equal(tries.at(-1), said);
  });

  it("passes arguments on as they are, without a shell", async () => {
    const words = ["", " ", "a b", "$HOME", "*", "`id`", "'\"", "é€😀", "--json", "--"];
    const ended = await home.run(["printf", "<%s>\n", ...words]);
    assert.equal(ended.stdout, words.map((word) => `<${word}>\n`).join(""));
  });

  it("passes standard input on, byte for byte", async () => {
    const input = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    const ended = await home.run(["cat"], { input });
    assert.equal(ended.code, 0);
    assert.ok(ended.bytes.equals(input));
  });

  it("leaves a list that is being read whole with -n, and has no input where pyro has none", async () => {
    const script = `printf '%s\\n' one two | while read -r word; do
      "$0" run -n ${baseEnvironment} -- sh -c "cat; echo $word"
    done; "$0" run ${baseEnvironment} -- readlink /proc/self/fd/0 </dev/null`;
    const pyro = join(repository, "bin", "pyro");
    const ended = await home.startProgram(["sh", "-c", script, pyro]).ended;
    assert.deepEqual([ended.stdout, ended.code], ["one\ntwo\n/dev/null\n", 0]);
  });

  it("streams in both directions while the command runs", async () => {
    const started = home.start(
      ["run", baseEnvironment, "--", "sh", "-c", "echo ready; read line; echo got $line"],
      { openInput: true },
    );
    // The guest waits for the answer to its first line: it must have come out already.
    await started.said("ready\n");
    started.child.stdin.end("answer\n");
    const ended = await started.ended;
    assert.deepEqual([ended.stdout, ended.code], ["ready\ngot answer\n", 0]);
  });

  it("ends with 127 and says so when there is no such command", async () => {
    const ended = await home.run(["no-such-command", "x"]);
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      ["", `error: no program "no-such-command" in PATH "${path}"\n`, 127],
    );
  });

  it("ends with 126 when the file is no program", async () => {
    const ended = await home.run(["/etc/passwd"]);
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      ["", 'error: "/etc/passwd" may not be executed\n', 126],
    );
  });

  it("ends with 128 and the number of the signal that ended the command", async () => {
    const ended = await home.run(["sh", "-c", "kill -SEGV $$"]);
    assert.deepEqual([ended.stdout, ended.code], ["", 139]);
  });

  it("ends with 124 on time-out, keeps the output so far, and stops what the command started", async () => {
    const ended = await home.run(["sh", "-c", "echo begun; sleep 600 & sleep 600"], {
      flags: ["--timeout-seconds", "1"],
    });
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      [
        "begun\n",
        "error: The command was stopped after 1 s.\nhint: Give it longer with --timeout-seconds.\n",
        124,
      ],
    );
  });

  it("ends with 125 when the machine's time is over", async () => {
    const ended = await home.run(["sleep", "600"], { flags: ["--ttl-seconds", "2"] });
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      [
        "",
        "error: The VM lived for its 2 s and was deleted.\nhint: Give it longer with --ttl-seconds.\n",
        125,
      ],
    );
  });

  it("gives the guest the processors and the memory asked for", async () => {
    const ended = await home.run(["sh", "-c", "nproc; grep MemTotal /proc/meminfo"], {
      flags: ["--vcpu-count", "2", "--mem-mib", "512"],
    });
    const [processors, memory = ""] = ended.stdout.split("\n");
    assert.equal(processors, "2");
    const mebibytes = Number(/\d+/.exec(memory)?.[0]) / 1024;
    assert.ok(mebibytes > 400 && mebibytes <= 512, memory);
  });

  it("leaves nothing of one run for the next", async () => {
    const write = "echo left > /root/left; echo left > /workspace/left; echo left > /etc/left";
    assert.equal((await home.run(["sh", "-c", write])).code, 0);
    const look = "ls -d /root/left /workspace/left /etc/left 2>/dev/null; ls -A /workspace";
    assert.equal((await home.run(["sh", "-c", look])).stdout, "");
  });

  it("shows the guest no network card and nothing of the host", async () => {
    const ended = await home.run([
      "sh",
      "-c",
      "ls /sys/class/net; ls -A /home /mnt /media /workspace; env | cut -d= -f1 | LC_ALL=C sort",
    ]);
    // One try of a package manager says that there is no network.
    const tries = ["BUNDLE_RETRY", "CARGO_NET_RETRY", "PIP_RETRIES", "POETRY_REQUESTS_MAX_RETRIES"];
    const moreTries = ["UV_HTTP_RETRIES", "YARN_HTTP_RETRY", "npm_config_fetch_retries"];
    const others = ["HOME", "LANG", "LOGNAME", "PATH", "PWD", "USER"];
    const variables = [...tries, ...moreTries, ...others].sort().join("\n");
    assert.equal(ended.stdout, `lo\n/home:\n\n/media:\n\n/mnt:\n\n/workspace:\n${variables}\n`);
  });
});
