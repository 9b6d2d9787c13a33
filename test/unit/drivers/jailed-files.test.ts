import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Descriptors } from "../../../src/drivers/descriptors.ts";
import { launchJailed } from "../../../src/drivers/launch.ts";
import {
  fileKey,
  type OpenFilesAllowance,
  unexpectedDescriptors,
} from "../../../src/drivers/open-files.ts";
import { readOnlyMemoryFilter } from "../../../src/drivers/qemu/open-filter.ts";
import { repository, scratchDirectory } from "../../support/home.ts";
import { startProcess } from "../../support/process.ts";

const directory = scratchDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));

/** What a stand-in for a monitor, a shell script, says in the jail. */
async function say(
  script: string,
  descriptors: Descriptors,
  options: Partial<Parameters<typeof launchJailed>[0]> = {},
): Promise<string> {
  try {
    const { exited } = await launchJailed({
      program: "/bin/sh",
      arguments: ["-c", `exec >&2; ${script}`],
      devices: [],
      descriptors,
      deviceGid: undefined,
      guardianProgram: "/nowhere",
      lifetime: "caller",
      ...options,
    });
    return (await exited).stderrTail;
  } finally {
    descriptors.close();
  }
}

/** A file as a template's memory is: of ours, and for nobody to write. */
function sharedFile(): string {
  const path = join(directory, "memory");
  rmSync(path, { force: true });
  writeFileSync(path, "what other machines map\n", { mode: 0o444 });
  return path;
}

const waysToWrite = (path: string) => [
  `: > ${path}`,
  `: >> ${path}`,
  `: <> ${path}`,
  `dd if=/dev/zero of=${path} bs=1 count=1 conv=notrunc`,
  `truncate -s 0 ${path}`,
  `fallocate -l 1000000 ${path}`,
  `chmod 666 ${path}`,
  `touch ${path}`,
  `perl -e 'sysopen(F, "${path}", 2) or exit 1'`,
  `perl -e 'sysopen(F, "${path}", 02000002) or exit 1'`,
];

test("a file that other machines use can be read in the jail, and written in no way", async () => {
  const file = sharedFile();
  const before = statSync(file, { bigint: true });
  const descriptors = new Descriptors();
  const path = descriptors.shareReadOnly(file, "memory");
  const tries = waysToWrite(path).map(
    (way) => `if (${way}) 2> /dev/null; then echo 'did: ${way.replaceAll("'", "")}'; fi`,
  );
  const said = await say(`cat ${path}; ${tries.join("; ")}`, descriptors);
  assert.equal(said, readFileSync(file, "utf8"));
  const { ctimeNs, size } = statSync(file, { bigint: true });
  assert.deepEqual([ctimeNs, size], [before.ctimeNs, before.size]);
});

test("an open for reading and writing is answered with standard input, where the filter is", async () => {
  const descriptors = new Descriptors();
  const stdin = descriptors.shareReadOnly(sharedFile(), "memory");
  const fd = descriptors.add("socket");
  const open = (flags: number) =>
    `perl -e '$path = "/dev/zero"; $fd = syscall(257, -100, $path, ${flags}); print STDERR "$fd\\n"; open(F, "<&=", 0); print STDERR <F> if $fd == 0'`;
  const said = await say(`${open(2)}; ${open(0)}`, descriptors, {
    stdin,
    filter: { fd, program: readOnlyMemoryFilter() },
  });
  assert.match(said, /^0\nwhat other machines map\n[1-9]\d*\n$/);
});

test("what whoever started us left open in us does not reach the jail", async () => {
  const listing = `
    import { Descriptors } from "${repository}/src/drivers/descriptors.ts";
    import { launchJailed } from "${repository}/src/drivers/launch.ts";
    const descriptors = new Descriptors();
    const { exited } = await launchJailed({
      program: "/bin/sh",
      arguments: ["-c", "for fd in 30 40; do readlink /proc/self/fd/$fd; done >&2"],
      devices: [],
      descriptors,
      deviceGid: undefined,
      guardianProgram: "/nowhere",
      lifetime: "caller",
    });
    process.stdout.write((await exited).stderrTail);
  `;
  const leaking = ["bash", "-c", 'exec 30< / 40< /etc/hostname; exec "$@"', "bash"];
  const node = [process.execPath, "--input-type=module", "--eval", listing];
  const started = startProcess([...leaking, ...node], { env: { PATH: process.env.PATH ?? "" } });
  const { stdout, stderr } = await started.ended;
  assert.equal(stdout, "/dev/null\n/dev/null\n", stderr);
});

/** A process that has the files of `open` open, as a shell redirects them. */
async function having(open: string): Promise<ChildProcess> {
  const child = spawn("bash", ["-c", `exec ${open}; echo; read -r go`], {
    stdio: ["pipe", "pipe", "ignore"],
    cwd: directory,
  });
  await once(child.stdout ?? child, "data");
  return child;
}

test("every descriptor that a monitor should not have is named", async (context) => {
  writeFileSync(join(directory, "known"), "");
  writeFileSync(join(directory, "unknown"), "");
  mkdirSync(join(directory, "place"), { recursive: true });
  const child = await having("7< known 8<> known 9< unknown 10< place 11< /dev/zero; exec 13< /");
  context.after(() => child.kill("SIGKILL"));
  const pid = child.pid ?? 0;
  const known = fileKey(statSync(join(directory, "known")));
  const allowance: OpenFilesAllowance = {
    readable: [known],
    writable: [],
    sockets: [],
    listeners: [],
  };
  const named = (given: OpenFilesAllowance) =>
    unexpectedDescriptors(pid, given)
      .map((what) => Number.parseInt(what, 10))
      // Those of whoever runs the tests aside.
      .filter((fd) => fd <= 13)
      .sort((a, b) => a - b);
  // Its standard streams are sockets to us that nothing allows.
  assert.deepEqual(named(allowance), [0, 1, 8, 9, 10, 13]);
  assert.deepEqual(named({ ...allowance, writable: [known] }), [0, 1, 9, 10, 13]);
  const place = fileKey(statSync(join(directory, "place")));
  assert.deepEqual(named({ ...allowance, readable: [known, place] }), [0, 1, 8, 9, 10, 13]);
});
