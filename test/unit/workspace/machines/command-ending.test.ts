import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecOutcome } from "../../../../src/channel/exec.ts";
import type { Isolation } from "../../../../src/drivers/driver.ts";
import type { CpuLevel } from "../../../../src/model/machine-options.ts";
import {
  endingOf,
  type GuestFacts,
  hintFor,
} from "../../../../src/workspace/machines/command-ending.ts";

const cost = { timedOut: false, outOfMemory: false, durationMs: 1, backgroundProcessCount: 0 };

function hint(
  outcome: ExecOutcome,
  isolation: Isolation = "emulated",
  cpu: CpuLevel = "v2",
  lastWords = "",
): string {
  const facts = { isolation, cpu, networkPolicy: "egress" } as const;
  return hintFor({ ...endingOf(outcome, ["x"]), lastWords }, facts) ?? "";
}

test("an illegal instruction in an emulated guest tells of its CPU, through a shell too", () => {
  const illegal = { kind: "signalled", signal: "ILL", ...cost } as const;
  assert.match(hint(illegal), /x86-64-v2, without AVX/);
  assert.match(hint({ kind: "exited", exitCode: 132, ...cost }), /x86-64-v2, without AVX/);
  assert.match(hint(illegal, "emulated", "v3"), /x86-64-v3, without AVX-512/);
  assert.deepEqual(
    [
      hint(illegal, "hardware"),
      hint(illegal, "none"),
      hint({ ...illegal, timedOut: true }),
      hint({ kind: "exited", exitCode: 1, ...cost }),
      hint({ kind: "signalled", signal: "SEGV", ...cost }),
    ],
    ["", "", "", "", ""],
  );
});

test("so does what the loader says of programs and C libraries for other CPUs", () => {
  const refused = { kind: "exited", exitCode: 127, ...cost } as const;
  const library = "app: /lib/x86_64-linux-gnu/libc.so.6: CPU ISA level is lower than required\n";
  const loader = "Fatal glibc error: CPU does not support x86-64-v3\n";
  assert.match(hint(refused, "emulated", "v2", library), /x86-64-v2, without AVX; .*"v3"/);
  assert.match(hint(refused, "emulated", "v2", loader), /x86-64-v2, without AVX; .*"v3"/);
  assert.match(hint(refused, "emulated", "v3", library), /x86-64-v3, without AVX-512/);
  assert.deepEqual(
    [
      hint(refused, "emulated", "v2", "sh: app: not found\n"),
      hint(refused, "hardware", "v2", loader),
      hint({ ...refused, exitCode: 0 }, "emulated", "v2", loader),
    ],
    ["", "", ""],
  );
});

test("who has no network is told so when a program says that it reaches nothing", () => {
  const told = (lastWords: string, facts: Partial<GuestFacts> = {}) => {
    const ending = { exitCode: 1, timedOut: false, lastWords };
    const guest = { isolation: "emulated", cpu: "v2", networkPolicy: "off", ...facts } as const;
    return hintFor(ending, guest);
  };
  const said = [
    "curl: (6) Could not resolve host: example.com",
    "wget: unable to resolve host address 'example.com'",
    "wget: bad address 'example.com'",
    "fatal: unable to access 'https://example.com/': Couldn't resolve host",
    "Cannot resolve example.com",
    "W: Failed to fetch http://example.com  Temporary failure resolving 'example.com'",
    "ping: example.com: Temporary failure in name resolution",
    "psql: error: could not translate host name: Name or service not known",
    "nc: getaddrinfo for host: Name does not resolve",
    "npm error code EAI_AGAIN\nnpm error syscall getaddrinfo",
    "Error: getaddrinfo ENOTFOUND example.com",
    "dial tcp: lookup example.com on 127.0.0.1:53: no such host",
    "Caused by: java.net.UnknownHostException: example.com",
    "error: failed to lookup address information",
    "curl: (7) Failed to connect: Network is unreachable",
  ];
  for (const words of said) {
    assert.match(told(words) ?? "", /^There is no network in here: .*--network/, words);
    assert.equal(told(words, { networkPolicy: "egress" }), null);
    assert.equal(told(words, { isolation: "none" }), null);
  }
  for (const words of ["", "make: *** [all] Error 1", "Connection refused", "cannot find host.h"])
    assert.equal(told(words), null, words);
});
