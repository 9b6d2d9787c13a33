import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

/** A tree with one of everything that a tree can have. */
const everything = `set -e
mkdir -p dir/deep empty; chmod 2750 dir; chmod 1777 empty
printf 'content\\n' > dir/file; printf '#!/bin/sh\\n' > tool; chmod 4755 tool
ln dir/file dir/deep/same; ln -s ../tool dir/link; ln -s /nowhere dangling
printf x > "$(printf 'caf\\351')"; printf y > "$(printf 'two\\nlines')"; : > none
truncate -s 32M sparse; printf tail >> sparse
head -c 3000000 /dev/urandom > random
perl -e 'for ([tool => "user.note", "a\\0b"], [dir => "user.empty", ""]) {
  my ($path, $name, $value) = @$_; syscall(188, $path, $name, $value, length $value, 0) == 0 or die "xattr: $!" }'
touch -d '2001-02-03 04:05:06.123456789 UTC' dir/file
touch -h -d '1999-12-31 23:59:59.5 UTC' dir/link
touch -d '2030-01-01 00:00:00.000000001 UTC' dir`;

/** All that can be told of a tree from inside. */
const digest = `export LC_ALL=C
find . -printf '%P|%y|%m|%U:%G|%T@|%n|%l|%s|%b\\0' | sort -z | tr '\\0' '\\n' | cat -v
find . -type f -print0 | sort -z | xargs -0 sha256sum -z | tr '\\0' '\\n' | cat -v
test dir/file -ef dir/deep/same && echo same
find . -print0 | sort -z | perl -0 -ne 'chomp; my $names = "\\0" x 4096; my $n = syscall(195, $_, $names, 4096);
  for my $name (split /\\0/, substr($names, 0, $n)) { my $value = "\\0" x 4096; my $size = syscall(192, $_, $name, $value, 4096);
  print "$_ $name $size ", unpack("H*", substr($value, 0, $size)), "\\n"; }' | cat -v`;

const wreck = `rm -rf dir/deep tool sparse; echo other > dir/file; chmod 700 empty; echo new > new
head -c 100000 /dev/urandom > random; ln -sf elsewhere dangling; echo outside > /etc/changed; rm -f /etc/issue`;

describe("a tree with everything", () => {
  let ws: TestWorkspaces;
  let id: string;
  let made: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create());
    await ws.sh(id, everything);
    made = await ws.sh(id, digest);
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  it("has all that is to be compared", () => {
    assert.match(made, /^dir\/file\|f\|644\|0:0\|981173106\.1234567890\|2\|\|8\|/m);
    assert.match(made, /^tool\|f\|4755\|/m);
    assert.match(made, /^cafM-i\|f\|/m);
    assert.match(made, /^sparse\|f\|644\|.*\|33554436\|8$/m);
    assert.match(made, /^same$/m);
    assert.match(made, /^\.\/tool user\.note 3 610062$/m);
    assert.match(made, /^\.\/dir user\.empty 0 $/m);
  });

  it("is the same after a reset to its snapshot, however it was wrecked", async () => {
    const { snapshot } = await ws.pyro.createSnapshot(id, "good");
    assert.ok(snapshot.storedBytes > 3_000_000, "random bytes do not compress");
    await ws.sh(id, wreck);
    assert.notEqual(await ws.sh(id, digest), made);
    const reset = await ws.pyro.resetWorkspace(id, { snapshot: "good" });
    assert.deepEqual(
      [reset.state, reset.resetCount, reset.commandCount, reset.snapshotCount],
      ["started", 1, 0, 1],
    );
    assert.notEqual(reset.lastResetAt, null);
    assert.equal(await ws.sh(id, digest), made);
    assert.equal(
      await ws.sh(id, "ls /etc/changed /etc/issue 2>/dev/null || true"),
      "/etc/issue\n",
      "outside /workspace all is new",
    );
    const { commands } = await ws.pyro.logsWorkspace(id);
    assert.deepEqual(
      commands.map(({ sequence }) => sequence),
      [1, 2],
      "history begins anew",
    );
  });

  it("takes next to no room a second time", async () => {
    const { snapshot } = await ws.pyro.createSnapshot(id, "again");
    assert.ok(snapshot.storedBytes < 1_000_000, `${snapshot.storedBytes} bytes`);
    const { snapshots } = await ws.pyro.listSnapshots(id);
    assert.deepEqual(
      snapshots.map(({ name }) => name),
      ["baseline", "good", "again"],
    );
    assert.equal((await ws.pyro.deleteSnapshot(id, "again")).deleted, true);
    assert.equal((await ws.pyro.deleteSnapshot(id, "again")).deleted, false);
  });

  it("is the same after stop and start, and so is what lies outside", async () => {
    await ws.sh(id, "echo outside > /etc/changed");
    await ws.pyro.stopWorkspace(id);
    await ws.pyro.startWorkspace(id);
    assert.equal(await ws.sh(id, digest), made);
    assert.equal(await ws.sh(id, "cat /etc/changed"), "outside\n");
  });

  it("can be taken and restored while it is stopped", async () => {
    await ws.pyro.stopWorkspace(id);
    await ws.pyro.createSnapshot(id, "asleep");
    const reset = await ws.pyro.resetWorkspace(id, { snapshot: "asleep" });
    assert.deepEqual([reset.state, reset.resetCount], ["started", 2]);
    assert.equal(await ws.sh(id, digest), made);
    await ws.pyro.deleteSnapshot(id, "asleep");
  });

  it("refuses snapshots that are there already, are not there, or are the baseline", async () => {
    const { pyro } = ws;
    assert.equal((await refusal(pyro.createSnapshot(id, "good"))).code, "snapshot_exists");
    assert.equal((await refusal(pyro.createSnapshot(id, "baseline"))).code, "snapshot_exists");
    assert.equal((await refusal(pyro.createSnapshot(id, "../x"))).code, "invalid_argument");
    assert.equal((await refusal(pyro.deleteSnapshot(id, "baseline"))).code, "invalid_argument");
    const missing = await refusal(pyro.resetWorkspace(id, { snapshot: "none" }));
    assert.deepEqual(
      [missing.code, missing.hint],
      ["snapshot_not_found", "It has: baseline, good"],
    );
    assert.equal(await ws.sh(id, digest), made, "a refused reset resets nothing");
  });

  it("is gone after a reset to the baseline of a workspace that began empty", async () => {
    const reset = await ws.pyro.resetWorkspace(id);
    assert.deepEqual([reset.resetCount, reset.commandCount], [3, 0]);
    assert.equal(await ws.sh(id, "ls -A"), "");
    await ws.pyro.resetWorkspace(id, { snapshot: "good" });
    assert.equal(await ws.sh(id, digest), made, "its snapshots outlive resets");
  });

  it("comes back from an export and is the baseline of its next workspace", async () => {
    // Links, modes, holes and odd names travel. Setuid, sticky bits and attributes do not leave the guest, and the host's
    // times are those that a double can hold.
    const outputPath = ws.path("exported");
    await ws.pyro.exportWorkspace(id, "/workspace", { outputPath });
    const seeded = (await ws.create({ seedPath: outputPath })).workspaceId;
    const before = await ws.sh(seeded, digest);
    const plain = (text: string) =>
      text
        .split("\n")
        .filter((line) => !/ user\./.test(line) && !/^\|d\|/.test(line))
        .map((line) =>
          line.replace(/^([^|]*\|.\|)[1-7](\d{3})\|/, "$1$2|").replace(/\|\d+\.\d{10}\|/, "|"),
        );
    assert.deepEqual(plain(before), plain(made));
    await ws.sh(seeded, wreck);
    await ws.pyro.resetWorkspace(seeded);
    assert.equal(await ws.sh(seeded, digest), before);
    assert.deepEqual((await ws.pyro.diffWorkspace(seeded)).changes, []);
  });
});
