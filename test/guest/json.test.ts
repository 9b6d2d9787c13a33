import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { runResultSchema } from "../../src/model/results.ts";
import { snakeCase } from "../../src/model/wire.ts";
import { baseEnvironment, PyroHome } from "../support/home.ts";

/** What the Debian environments set. */
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

describe("pyro run --json", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  const json = async (command: readonly string[], flags: readonly string[] = []) => {
    const { stdout, stderr, code } = await home.run(command, { flags: ["--json", ...flags] });
    assert.equal(stderr, "");
    assert.equal(stdout.indexOf("\n"), stdout.length - 1, "one line");
    return { code, result: JSON.parse(stdout) as Record<string, unknown> };
  };

  it("prints one object with every declared field", async () => {
    const { code, result } = await json(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    const { duration_ms: duration, isolation, ...rest } = result;
    assert.equal(code, 3);
    assert.deepEqual(rest, {
      environment: baseEnvironment,
      command: ["sh", "-c", "echo out; echo err >&2; exit 3"],
      exit_code: 3,
      hint: null,
      signal: null,
      timed_out: false,
      out_of_memory: false,
      not_started: null,
      stdout: "out\n",
      stderr: "err\n",
      stdout_base64: null,
      stderr_base64: null,
      stdout_truncated: false,
      stderr_truncated: false,
      denied_connections: [],
      driver: "qemu",
      execution_mode: "guest_virtio_serial",
    });
    assert.ok(typeof duration === "number" && duration >= 0);
    assert.ok(isolation === "hardware" || isolation === "emulated");
    assert.deepEqual(Object.keys(result), Object.keys(runResultSchema.shape).map(snakeCase));
  });

  it("loses no byte of output that is not UTF-8", async () => {
    const { result } = await json([
      "perl",
      "-e",
      "binmode STDOUT; print pack('C*', 0..255); print STDERR \"caf\\xe9\";",
    ]);
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    assert.deepEqual(Buffer.from(String(result.stdout_base64), "base64"), everyByte);
    assert.equal(result.stdout, everyByte.toString("utf8"));
    assert.deepEqual(
      Buffer.from(String(result.stderr_base64), "base64"),
      Buffer.from("caf\xe9", "latin1"),
    );
  });

  it("says what a time-out was", async () => {
    const { code, result } = await json(["sleep", "600"], ["--timeout-seconds", "0.5"]);
    assert.deepEqual(
      [code, result.exit_code, result.timed_out, result.signal],
      [124, 124, true, "TERM"],
    );
  });

  it("says what ended a command, and why one never started", async () => {
    const killed = await json(["sh", "-c", "kill -9 $$"]);
    assert.deepEqual(
      [killed.code, killed.result.signal, killed.result.timed_out],
      [137, "KILL", false],
    );
    const missing = await json(["no-such-command"]);
    assert.deepEqual(
      [missing.code, missing.result.exit_code, missing.result.not_started],
      [127, 127, `no program "no-such-command" in PATH "${path}"`],
    );
  });

  it("keeps 8 MiB of a flood, its beginning and its end, and says what it dropped between", async () => {
    const { code, result } = await json(["sh", "-c", "head -c 30000000 /dev/zero | tr '\\0' x"]);
    assert.equal(code, 0);
    const [head = "", dropped, tail = ""] = String(result.stdout).split(
      /\n\[pyro: (\d+) bytes left out here\]\n/,
    );
    assert.equal(head.length + tail.length, 8 * 1024 * 1024);
    assert.equal(Number(dropped), 30_000_000 - 8 * 1024 * 1024);
    assert.match(head + tail, /^x+$/);
    assert.deepEqual([result.stdout_truncated, result.stderr_truncated], [true, false]);
  });

  it("prints failures of pyro itself as one object, too", async () => {
    const { code, result } = await json(["true"], ["--deny-host", "a.example"]);
    assert.deepEqual(result, {
      error: {
        code: "invalid_argument",
        message: "Hosts or a preset of the network are given, but no network is asked for.",
        hint: "Add --network to run, or --network-policy egress to workspace create.",
      },
    });
    assert.equal(code, 125);
  });
});
