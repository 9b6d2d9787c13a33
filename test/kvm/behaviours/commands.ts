import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import type { Behaviour } from "../behaviour.ts";
import { environment } from "../place.ts";

const mebibyte = 1024 ** 2;

/** Commands, from the outside. */
export const commands: readonly Behaviour[] = [
  {
    name: "pyro run passes output and exit code on",
    async hold({ home }) {
      const args = ["run", environment, "--", "sh", "-c", "echo out; echo err >&2; exit 7"];
      const { stdout, stderr, code } = await home.pyro(args);
      assert.deepEqual([stdout, stderr, code], ["out\n", "err\n", 7]);
    },
  },
  {
    name: "exit codes and signals are told apart",
    async hold(place) {
      const id = await place.shared();
      const ends = [];
      for (const line of ["exit 0", "exit 3", "exit 255", "kill -TERM $$", "kill -KILL $$"]) {
        const { exitCode, signal } = await place.exec(id, line);
        ends.push([exitCode, signal]);
      }
      assert.deepEqual(ends, [
        [0, null],
        [3, null],
        [255, null],
        [143, "TERM"],
        [137, "KILL"],
      ]);
      const command = ["no-such-program"];
      const { exitCode, notStarted } = await place.exec(id, "", { command });
      assert.equal(exitCode, 127);
      assert.match(notStarted ?? "", /no-such-program/);
    },
  },
  {
    name: "standard input arrives whole and ends",
    async hold(place) {
      const input = randomBytes(2 * mebibyte + 1);
      const stdin = Readable.from([input.subarray(0, mebibyte), input.subarray(mebibyte)]);
      const result = await place.exec(await place.shared(), "sha256sum", { stdin });
      assert.equal(result.stdout, `${createHash("sha256").update(input).digest("hex")}  -\n`);
    },
  },
  {
    name: "a command whose time is over is ended, with all that it started",
    async hold(place) {
      const id = await place.shared();
      const line = "sleep 601 & sleep 602";
      const { timedOut, exitCode } = await place.exec(id, line, { timeoutSeconds: 2 });
      assert.deepEqual([timedOut, exitCode], [true, 124]);
      const left = await place.exec(id, "grep -l sleep /proc/[0-9]*/comm");
      assert.equal(left.stdout, "");
    },
  },
  {
    name: "a command that is given up is ended",
    async hold(place) {
      const id = await place.shared();
      const stop = new AbortController();
      const running = place.exec(id, "echo ready; sleep 603", {
        signal: stop.signal,
        onStdout: () => stop.abort(),
      });
      await assert.rejects(running, { code: "cancelled" });
      await place.until("it is gone", async () => {
        return (await place.exec(id, "grep -l sleep /proc/[0-9]*/comm")).stdout === "";
      });
    },
  },
  {
    name: "a flood of output arrives whole, also past a reader that stalls",
    seconds: 120,
    async hold(place) {
      // More than all that may be under way at once.
      const length = 12 * mebibyte;
      let count = 0;
      let stalls = 3;
      const { timedOut } = await place.exec(await place.shared(), `head -c ${length} /dev/zero`, {
        onStdout: async (chunk) => {
          count += chunk.length;
          if (stalls-- > 0) await new Promise((resolve) => setTimeout(resolve, 300));
        },
      });
      assert.deepEqual([timedOut, count], [false, length]);
    },
  },
  {
    name: "commands run side by side",
    async hold(place) {
      const id = await place.shared();
      const lines = Array.from({ length: 8 }, (_, index) => `sleep 0.1; echo ${index}`);
      const results = await Promise.all(lines.map((line) => place.sh(id, line)));
      assert.deepEqual(
        results,
        lines.map((_, index) => `${index}\n`),
      );
    },
  },
];
