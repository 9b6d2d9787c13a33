import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { PyroHome, repository } from "../support/home.ts";

const isRoot = process.getuid?.() === 0;

/** Of a file system, whose root is the program's argument. */
const cutPower =
  "open my $root, q(<), shift or die; my $how = pack q(I), 2; ioctl $root, 0x8004587d, $how or die $!";

/**
 * Runs two programs on a file system of their own that loses, between them, whatever was not flushed: ext4 can be told to stop as
 * a host does whose power is cut.
 */
function acrossPowerCut(home: PyroHome, writer: string, reader: string) {
  const [image, root] = [join(home.directory, "image"), join(home.directory, "root")];
  const node = `"${process.execPath}" --input-type=module --eval`;
  const script = `set -e
    truncate -s 256M ${image}; mke2fs -q -F -t ext4 ${image}; mkdir -p ${root}
    mount -o loop ${image} ${root}
    ${node} '${writer}' ${root}
    perl -e '${cutPower}' ${root}
    umount ${root}; mount -o loop ${image} ${root}
    ${node} '${reader}' ${root}
    umount ${root}; rm ${image}`;
  return home.startProgram(["unshare", "--mount", "sh", "-c", script]).ended;
}

const sources = join(repository, "src");
const shared = `
  const { readFileSync, truncateSync, writeFileSync } = await import("node:fs");
  const { TemplateStore } = await import("${sources}/environments/templates.ts");
  const { ImageStore } = await import("${sources}/environments/store.ts");
  const { DiskSnapshots } = await import("${sources}/snapshots/disk-snapshots.ts");
  const root = process.argv[1];
  const content = Buffer.alloc(3 << 20, "pyro");
  const parts = { imageId: "1".repeat(64), bootDigest: "b", driverFingerprint: "d", protocol: 1,
    vcpuCount: 1, memMib: 1, blankDiskVersion: 1, disk: "existing" };
  const image = { id: parts.imageId, environment: "debian:12", source: { kind: "debian", suite: "x" },
    config: { env: [] }, createdAt: "2026-01-01T00:00:00.000Z", entryCount: 1, usedBytes: 1 };
  const snapshots = new DiskSnapshots(root + "/snapshots");
`;

describe("a host whose power is cut", {
  skip: !isRoot && "only root may mount a file system",
}, () => {
  let home: PyroHome;
  before(() => {
    home = PyroHome.empty();
  });
  after(() => home.dispose());

  it("keeps whole what was published a moment before", async () => {
    const ended = await acrossPowerCut(
      home,
      `${shared}
      await using template = await new TemplateStore(root).draft(parts);
      writeFileSync(template.memoryPath, content);
      writeFileSync(template.statePath, content);
      await template.publish();
      await using draft = await new ImageStore(root).draft();
      writeFileSync(draft.diskPath, content);
      await draft.publish(image);
      writeFileSync(root + "/disk", content);
      truncateSync(root + "/disk", 2 * content.length);
      await snapshots.capture("kept", root + "/disk", 2 * content.length);`,
      `${shared}
      const say = (what, bytes) => console.log(what, bytes.equals(content));
      const template = await new TemplateStore(root).find(parts);
      if (template) {
        say("memory", readFileSync(template.memoryPath));
        say("state", readFileSync(template.statePath));
      }
      const images = new ImageStore(root);
      const found = await images.find("debian:12");
      say("image", readFileSync(images.diskPath(found)));
      await snapshots.restore("kept", root + "/restored");
      say("snapshot", readFileSync(root + "/restored").subarray(0, content.length));`,
    );
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      ["memory true\nstate true\nimage true\nsnapshot true\n", "", 0],
    );
  });

  it("finds a workspace that was created as its directory describes it, and its registry as well", async () => {
    const creation = `
      const { execFileSync } = await import("node:child_process");
      const { mkdirSync } = await import("node:fs");
      const { newRow } = await import("${sources}/workspace/life/new-workspace.ts");
      const { WorkspaceRecords } = await import("${sources}/workspace/records/workspace-records.ts");
      const { readDescription } = await import("${sources}/workspace/records/workspace-description.ts");
      const { workspaceFiles } = await import("${sources}/workspace/records/workspace-files.ts");
      const root = process.argv[1];
      const files = workspaceFiles(root, "ws-000000000001");`;
    const ended = await acrossPowerCut(
      home,
      `${creation}
      const { workspaces } = WorkspaceRecords.open(root);
      const asked = { environment: "debian:12", vcpuCount: 1, memMib: 1024 };
      workspaces.insert({ ...newRow("workspace", asked), workspaceId: "ws-000000000001" });
      mkdirSync(files.directory, { recursive: true });
      workspaces.update("ws-000000000001", { name: "named" });
      workspaces.transition("ws-000000000001", { from: ["creating"], to: "stopped" });
      // Ending closes the registry, which would flush everything.
      execFileSync("perl", ["-e", "${cutPower}", root]);`,
      `${creation}
      const { row } = (await readDescription(files, "ws-000000000001")) ?? { row: {} };
      console.log("described", row.state, row.name);
      console.log("registered", WorkspaceRecords.open(root).workspaces.find("ws-000000000001")?.state);`,
    );
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      ["described stopped named\nregistered stopped\n", "", 0],
    );
  });
});
