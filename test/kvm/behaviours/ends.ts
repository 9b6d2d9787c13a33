import assert from "node:assert/strict";
import { endProcess, findSupervisors } from "../../support/host-processes.ts";
import { assertNoWorkspaceLeft } from "../../support/oracle.ts";
import type { Behaviour } from "../behaviour.ts";
import { failure } from "../place.ts";

/** How machines end, wanted or not, and what is there afterwards. */
export const ends: readonly Behaviour[] = [
  {
    name: "a workspace is stopped and started with its files",
    async hold(place) {
      const { workspaceId: id } = await place.create({ name: "stopped" });
      await place.sh(id, "echo inside > a; echo outside > /root/b");
      assert.equal((await place.pyro.stopWorkspace(id)).state, "stopped");
      const refused = await failure(place.exec(id, "true"));
      assert.equal(refused.code, "workspace_state_conflict");
      assert.equal((await place.pyro.startWorkspace(id)).state, "started");
      assert.equal(await place.sh(id, "cat a /root/b"), "inside\noutside\n");
      await place.pyro.deleteWorkspace("stopped");
      assert.equal((await failure(place.pyro.statusWorkspace(id))).code, "workspace_not_found");
    },
  },
  {
    name: "a machine whose supervisor was killed is adopted, and its programs run on",
    async hold(place) {
      const { workspaceId: id } = await place.create();
      const { shellId } = await place.pyro.openShell(id, { command: ["sh", "-c", "sleep 604"] });
      const monitor = place.monitor(id);
      for (const pid of findSupervisors(id)) endProcess(pid);
      const fresh = place.open();
      try {
        const command = ["pgrep", "-f", "sleep 604"];
        const timeoutSeconds = 30 * place.patience;
        const { exitCode } = await fresh.execWorkspace(id, { command, timeoutSeconds });
        assert.equal(exitCode, 0);
        assert.equal(place.monitor(id), monitor, "another machine");
        const { shells } = await fresh.listShells(id);
        assert.deepEqual(
          shells.map((shell) => [shell.shellId, shell.state]),
          [[shellId, "running"]],
        );
      } finally {
        fresh[Symbol.dispose]();
      }
      await place.pyro.deleteWorkspace(id);
    },
  },
  {
    name: "after SIGKILL of everything the workspace is failed, and starts with its files",
    async hold(place) {
      const { workspaceId: id } = await place.create();
      await place.pyro.writeWorkspaceFile(id, "kept", { text: "acknowledged\n" });
      const processes = place.processes(id);
      assert.ok(processes.length > 1, `only ${processes}`);
      for (const pid of [...processes, place.monitor(id)]) endProcess(pid);
      await place.until("it is failed", async () => {
        return (await place.pyro.statusWorkspace(id)).state === "failed";
      });
      await place.pyro.startWorkspace(id);
      assert.equal(await place.sh(id, "cat kept"), "acknowledged\n");
      await place.pyro.deleteWorkspace(id);
    },
  },
  {
    name: "a guest that panics is told of, and starts with its files",
    async hold(place) {
      const { workspaceId: id } = await place.create();
      await place.pyro.writeWorkspaceFile(id, "kept", { text: "acknowledged\n" });
      const crashed = await failure(place.exec(id, "echo c > /proc/sysrq-trigger; sleep 600"));
      assert.equal(crashed.code, "guest_lost");
      assert.match(crashed.message, /kernel panicked/);
      await place.pyro.startWorkspace(id);
      assert.equal(await place.sh(id, "cat kept"), "acknowledged\n");
      await place.pyro.deleteWorkspace(id);
    },
  },
  {
    name: "a full disk is an error of the command, and goes away with the files",
    async hold(place) {
      const { workspaceId: id } = await place.create();
      // Room is taken without being written to.
      await place.sh(
        id,
        "for size in 1T 100G 10G 1G 100M 10M 1M 64K 4K; do n=0; while fallocate -l $size full.$size.$n 2>/dev/null; do n=$((n + 1)); done; rm -f full.$size.$n; done",
      );
      const full = await place.exec(id, "head -c 10000000 /dev/zero > more");
      assert.notEqual(full.exitCode, 0);
      assert.match(full.stderr, /No space left/);
      await place.sh(id, "rm -f full.* more; echo room > more; cat more");
      await place.pyro.deleteWorkspace(id);
    },
  },
  {
    name: "nothing is left of what was deleted",
    async hold(place) {
      const { workspaces } = await place.pyro.listWorkspaces();
      for (const { workspaceId } of workspaces) await place.pyro.deleteWorkspace(workspaceId);
      await place.pyro.gcWorkspaces();
      place.pyro[Symbol.dispose]();
      await assertNoWorkspaceLeft(place.home.stateDirectory);
      place.pyro = place.open();
    },
  },
];
