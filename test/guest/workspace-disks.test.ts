import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ImageStore } from "../../src/environments/store.ts";
import { Pyro, type PyroError } from "../../src/index.ts";
import { writeFullySync } from "../../src/platform/write-fully.ts";
import { PyroHome } from "../support/home.ts";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

/** Of all that a sparse file holds, its size and when it was written to. */
function fileDigest(path: string): string {
  const tar = `tar --create --format=gnu --sparse --absolute-names "$0" | sha256sum`;
  return execFileSync("sh", ["-c", tar, path], { encoding: "utf8" });
}

/** Sets an attribute of a file, a link itself included, to bytes in hexadecimal. */
const setAttribute = (path: string, name: string, hex: string) =>
  `perl -e 'syscall(189, $ARGV[0], $ARGV[1], $v = pack("H*", $ARGV[2]), length $v, 0) == 0 or die "$ARGV[0] $ARGV[1]: $!"' ${path} ${name} ${hex}`;

/** Access lists as the kernel keeps them: user 1000 may read, or run. */
const accessList =
  "02000000 01000600ffffffff 02000400e8030000 04000400ffffffff 10000400ffffffff 20000000ffffffff";
const defaultList = accessList.replace("02000400e8", "02000500e8").replace("10000400", "10000500");

const attributes = [
  ["/root/listed", "system.posix_acl_access", accessList],
  ["/root/t", "system.posix_acl_default", defaultList],
  ["/root/able", "security.capability", "01000002 00040000 00000000 00000000 00000000"],
  ["/workspace/binary", "user.note", "00ff".repeat(900)],
  ["/workspace/d", "user.of-a-directory", "6869"],
  ["/workspace/release", "trusted.of-a-link", "6869"],
] as const;

/** Lists attributes with their values. */
const attributesOf = `perl -e 'for $p (@ARGV) {
  $names = "\\0" x 65536; $length = syscall(195, $p, $names, 65536);
  for $name (sort split /\\0/, substr($names, 0, $length > 0 ? $length : 0)) {
    $value = "\\0" x 65536; $length = syscall(192, $p, $name, $value, 65536);
    print "$p $name ", unpack("H*", substr($value, 0, $length)), "\n" } }'`;

/**
 * Everything that can be told of a root from inside: names, kinds, modes, owners, links, sizes, times, content, holes, devices,
 * attributes. Left out is what a machine writes when it starts, and what a new file system has.
 */
const inventory = (root: string) => `cd ${root}
find . -path ./proc -prune -o -path ./sys -prune -o -path ./dev -prune -o -path ./run -prune -o -type d -printf '%P %y %m %U %G %T@\\n' -o -printf '%P %y %m %U %G %s %T@ %l\\n' |
  grep -v '^ \\|^workspace d\\|^lost+found \\|^etc\\(/host.*\\|/machine-id\\)\\? ' | LC_ALL=C sort
find workspace root ! -type d -printf '%p %n\\n' | LC_ALL=C sort
find workspace root -type f -size -1024k -exec sha256sum {} + | LC_ALL=C sort
find workspace root -type f -size +50M -printf '%S %p\\n' | LC_ALL=C sort -k 2 | awk '{ print ($1 < 0.01 ? "holes" : "no holes"), $2 }'
tail -c 10 root/sparse | od -c; dd if=root/sparse bs=4096 skip=300 count=1 2>/dev/null | sha256sum
find root '(' -type b -o -type c ')' -exec stat -c '%n %t %T' {} + | LC_ALL=C sort
test workspace/d/a -ef workspace/d/deep/b && echo one file
find workspace root -print0 | LC_ALL=C sort -z | xargs -0 ${attributesOf}`;

describe("the disk of a stopped workspace", () => {
  let ws: TestWorkspaces;
  let id: string;
  let diskPath: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create({ name: "disks" }));
    diskPath = join(ws.directory(id), "disk.ext4");
    await ws.sh(
      id,
      `mkdir -p d/deep && echo hi > d/a && ln d/a d/deep/b && ln -s /etc/os-release release && ln -s ../../../../etc/hostname d/out
       echo new > /etc/new && rm /etc/issue && mv /usr/share/base-files /usr/share/moved && rm -r /usr/share/doc && mkdir /usr/share/doc
       mkdir -m 1777 /root/t && mkfifo -m 640 /root/fifo && mknod -m 600 /root/null c 1 3 && chown -R 5:6 /root/t
       python3 -V 2>/dev/null; perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); bind(S,sockaddr_un("/root/sock"))'
       truncate -s 100M /root/sparse && echo end >> /root/sparse && printf 'a\\0b' > binary
       head -c 4096 /dev/urandom | dd of=/root/sparse bs=4096 seek=300 conv=notrunc 2>/dev/null
       mknod -m 660 /root/block b 7 99 && touch /root/listed /root/able
       ${attributes.map(([path, name, hex]) => setAttribute(path, name, hex.replaceAll(" ", ""))).join("\n")}
       printf x > /root/suid && chown 5:6 /root/suid && chmod 4755 /root/suid && touch -d '2001-02-03 04:05:06.5 UTC' /root/suid d`,
    );
    await ws.pyro.stopWorkspace(id);
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const names = async (path?: string, recursive = false) => {
    const options = { ...(path !== undefined && { path }), recursive };
    const { entries } = await ws.pyro.listWorkspaceDisk(id, options);
    return entries.map((entry) => entry.path);
  };
  const read = (path: string, options = {}) => ws.pyro.readWorkspaceDisk(id, path, options);

  it("is listed and read, all of the guest, and stays as it is to the last byte", async () => {
    const digest = fileDigest(diskPath);
    assert.deepEqual(await names(), ["/workspace/binary", "/workspace/d", "/workspace/release"]);
    assert.deepEqual(await names("d", true), [
      "/workspace/d/a",
      "/workspace/d/deep",
      "/workspace/d/deep/b",
      "/workspace/d/out",
    ]);
    const root = await names("/");
    for (const name of ["/etc", "/proc", "/usr", "/workspace"]) assert.ok(root.includes(name));
    assert.ok(!root.includes("/upper") && !root.includes("/stage"));
    assert.deepEqual([await names("/proc"), await names("/sys")], [[], []]);
    const etc = await names("/etc");
    assert.deepEqual([etc.includes("/etc/new"), etc.includes("/etc/issue")], [true, false]);
    // A directory of the environment that was renamed, and one that was made anew.
    assert.ok((await names("/usr/share/moved")).length > 0);
    assert.deepEqual(await names("/usr/share/doc"), []);
    assert.equal((await refusal(names("/usr/share/base-files"))).code, "workspace_path_not_found");
    const { entries } = await ws.pyro.listWorkspaceDisk(id, { path: "/root" });
    assert.deepEqual(
      entries
        .map(({ path, type, mode, size }) => [path, type, mode, size])
        .filter(([path]) => !String(path).includes("/.")),
      [
        ["/root/able", "file", "0644", 0],
        ["/root/block", "other", "0660", 0],
        ["/root/fifo", "other", "0640", 0],
        ["/root/listed", "file", "0640", 0],
        ["/root/null", "other", "0600", 0],
        ["/root/sock", "other", "0755", 0],
        ["/root/sparse", "file", "0644", 104_857_604],
        ["/root/suid", "file", "4755", 1],
        ["/root/t", "directory", "1777", 0],
      ],
    );
    assert.equal((await read("d/a")).text, "hi\n");
    assert.equal((await read("/workspace/d/deep/b")).text, "hi\n");
    const cut = await read("/etc/new", { maxBytes: 2 });
    assert.deepEqual([cut.path, cut.text, cut.size, cut.truncated], ["/etc/new", "ne", 4, true]);
    const binary = await read("binary");
    assert.equal(Buffer.from(binary.text).toString("latin1"), "a\0b");
    assert.equal(fileDigest(diskPath), digest);
    assert.deepEqual(ws.monitors(), []);
  });

  it("has links that lead where they led in the guest, and never out of it", async () => {
    assert.match((await read("release")).text, /Debian GNU\/Linux/);
    // The host's own name would be another.
    assert.equal((await read("d/out")).text, `${id}\n`);
    assert.ok((await names("/bin/sh")).length === 1);
    assert.deepEqual(
      (await ws.pyro.listWorkspaceDisk(id, { path: "release" })).entries[0]?.type,
      "symlink",
    );
  });

  it("says what is wrong with a path", async () => {
    const missing = await refusal(read("/etc/nothing"));
    assert.deepEqual(
      [missing.code, missing.message, missing.hint],
      [
        "workspace_path_not_found",
        'The disk of workspace disks has no "/etc/nothing".',
        "See what is there: pyro workspace disk list disks /etc",
      ],
    );
    for (const path of ["/etc", "/root/fifo", "/root/null", "/root/sock"])
      assert.equal((await refusal(read(path))).code, "workspace_path_conflict", path);
    for (const path of ["../etc", "/etc/../etc", `/${"x".repeat(300)}`, "/a\0b"])
      assert.equal((await refusal(read(path))).code, "invalid_argument", path);
    assert.equal((await refusal(read("d/a", { maxBytes: 0 }))).code, "invalid_argument");
  });

  it("is one sound image when exported, with all that the guest had, and boots elsewhere", async () => {
    const digest = fileDigest(diskPath);
    // Beside a cache, in which it becomes an environment.
    await using elsewhere = await PyroHome.private({ images: false });
    const outputPath = join(elsewhere.directory, "out.ext4");
    const steps: (number | undefined)[] = [];
    const exported = await ws.pyro.exportWorkspaceDisk(id, {
      outputPath,
      onProgress: ({ completedBytes }) => steps.push(completedBytes),
    });
    assert.equal(fileDigest(diskPath), digest);
    assert.ok(steps.length > 2 && exported.entryCount > 1000);
    const { size, blocks } = statSync(outputPath);
    assert.deepEqual([exported.outputPath, exported.bytes], [outputPath, size]);
    assert.ok(blocks * 512 < 2 * 1024 ** 3 && size >= 32 * 1024 ** 3);
    execFileSync("e2fsck", ["-fn", outputPath], { stdio: "pipe" });
    const again = await refusal(ws.pyro.exportWorkspaceDisk(id, { outputPath }));
    assert.equal(again.code, "export_target_exists");
    // As the environment of another workspace, which the guest mounts; and the workspace it came from says what it must be.
    const want = await withStarted(ws, id, inventory("/"));
    const got = await ofImage(elsewhere, outputPath);
    for (const [path, name, hex] of attributes)
      assert.ok(want.includes(`${path.slice(1)} ${name} ${hex.replaceAll(" ", "")}\n`), path);
    for (const line of ["holes root/sparse", "root/block 7 63", "one file"])
      assert.ok(want.includes(`\n${line}\n`), line);
    assert.deepEqual(got.split("\n"), want.split("\n"));
  });

  it("leaves nothing behind when the export is given up, or is killed", async () => {
    mkdirSync(ws.path("given-up"));
    const outputPath = ws.path("given-up/out.ext4");
    const giveUp = new AbortController();
    const error = await refusal(
      ws.pyro.exportWorkspaceDisk(id, {
        outputPath,
        signal: giveUp.signal,
        onProgress: ({ completedBytes }) => completedBytes && giveUp.abort(),
      }),
    );
    assert.equal(error.code, "cancelled");
    assert.deepEqual([readdirSync(ws.path("given-up")), ws.monitors()], [[], []]);
    await ws.dies("export.written", "exportWorkspaceDisk", [id, { outputPath }]);
    assert.ok(!readdirSync(ws.path("given-up")).includes("out.ext4"));
    await until("no machine is left", () => ws.monitors().length === 0);
    // What was killed is removed by the next one.
    await refusal(
      ws.pyro.exportWorkspaceDisk(id, { outputPath, signal: AbortSignal.abort("given up") }),
    );
    assert.deepEqual(readdirSync(ws.path("given-up")), []);
  });

  it("is nobody's to start while it is looked at", async () => {
    const outputPath = ws.path("held.ext4");
    const giveUp = new AbortController();
    const copying = Promise.withResolvers<void>();
    const exported = refusal(
      ws.pyro.exportWorkspaceDisk(id, {
        outputPath,
        signal: giveUp.signal,
        onProgress: ({ completedBytes }) => completedBytes && copying.resolve(),
      }),
    );
    await copying.promise;
    const [monitor = 0, ...others] = ws.monitors();
    assert.deepEqual(others, []);
    process.kill(monitor, "SIGSTOP");
    const started = await ws.answer("startWorkspace", [id]);
    assert.equal(started.error?.code, "workspace_busy");
    giveUp.abort();
    assert.equal((await exported).code, "cancelled");
  });

  it("is refused while the workspace runs, and where there is none", async () => {
    await ws.pyro.startWorkspace(id);
    const outputPath = ws.path("running.ext4");
    const calls: Promise<unknown>[] = [
      ws.pyro.listWorkspaceDisk(id),
      read("d/a"),
      ws.pyro.exportWorkspaceDisk(id, { outputPath }),
    ];
    for (const call of calls) {
      const error: PyroError = await refusal(call);
      assert.equal(error.code, "workspace_state_conflict");
      assert.match(error.hint ?? "", /pyro workspace stop disks/);
    }
    assert.equal(await withStarted(ws, id, "cat d/a"), "hi\n");
  });

  it("is read from a copy where its journal was left to be replayed", async () => {
    await ws.pyro.startWorkspace(id);
    await ws.sh(id, "echo late > late && sync && echo later > later");
    // A guest that does not end by itself is killed.
    process.kill(ws.monitor(id), "SIGSTOP");
    await ws.pyro.stopWorkspace(id);
    const digest = fileDigest(diskPath);
    assert.ok((await names()).includes("/workspace/late"));
    assert.equal((await read("late")).text, "late\n");
    assert.equal(fileDigest(diskPath), digest);
    assert.equal(await withStarted(ws, id, "cat late"), "late\n");
  });

  it("that the guest spoiled is a clear error, and costs nobody else anything", async () => {
    const { workspaceId: other } = await ws.create({ name: "spoiled" });
    await ws.sh(other, "echo x > x");
    await ws.pyro.stopWorkspace(other);
    const path = join(ws.directory(other), "disk.ext4");
    const fd = openSync(path, "r+");
    try {
      // The tables of the first group, and then all that says that it is a file system.
      writeFullySync(fd, Buffer.alloc(4096 * 64, 0xa5), 4096);
      assert.equal(
        (await refusal(ws.pyro.listWorkspaceDisk(other, { path: "/", recursive: true }))).code,
        "disk_damaged",
      );
      writeFullySync(fd, Buffer.alloc(4096, 0xa5), 0);
    } finally {
      closeSync(fd);
    }
    const error = await refusal(ws.pyro.listWorkspaceDisk(other));
    assert.equal(error.code, "disk_damaged");
    assert.match(error.message, /^The disk of workspace spoiled cannot be read: /);
    assert.match(error.hint ?? "", /pyro workspace reset spoiled/);
    const outputPath = ws.path("spoiled.ext4");
    assert.equal(
      (await refusal(ws.pyro.exportWorkspaceDisk(other, { outputPath }))).code,
      "disk_damaged",
    );
    assert.ok(!readdirSync(ws.home.directory).some((name) => name.startsWith("spoiled.ext4")));
    assert.deepEqual(ws.monitors(), []);
    assert.ok((await names()).length > 0);
  });
});

/** What is found on an image that is the environment of a machine elsewhere, where its /workspace is not hidden by another. */
async function ofImage(home: PyroHome, imagePath: string): Promise<string> {
  const images = new ImageStore(home.cacheDirectory);
  await using draft = await images.draft();
  renameSync(imagePath, draft.diskPath);
  await draft.publish({
    id: createHash("sha256").update(imagePath).digest("hex"),
    environment: "localhost/exported:1",
    source: { kind: "debian", suite: "bookworm" },
    config: {
      env: [],
      workingDirectory: undefined,
      user: undefined,
      entrypoint: undefined,
      command: undefined,
    },
    createdAt: new Date().toISOString(),
    entryCount: 0,
    usedBytes: 0,
  });
  using pyro = new Pyro({ ...home });
  const command = ["sh", "-c", `mount --bind / /mnt && ${inventory("/mnt")}`];
  const { stdout, stderr, exitCode } = await pyro.runInVm({
    environment: "localhost/exported:1",
    command,
  });
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** What a line writes in a workspace that is started for it and stopped again. */
async function withStarted(ws: TestWorkspaces, id: string, line: string): Promise<string> {
  await ws.pyro.startWorkspace(id);
  const text = await ws.sh(id, line);
  await ws.pyro.stopWorkspace(id);
  return text;
}
