import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { addWorkspaceCreate } from "./workspace-create.ts";
import { addWorkspaceDelete } from "./workspace-delete.ts";
import { addWorkspaceDiff } from "./workspace-diff.ts";
import { addWorkspaceDiskExport } from "./workspace-disk-export.ts";
import { addWorkspaceDiskList } from "./workspace-disk-list.ts";
import { addWorkspaceDiskRead } from "./workspace-disk-read.ts";
import { addWorkspaceExec } from "./workspace-exec.ts";
import { addWorkspaceExport } from "./workspace-export.ts";
import { addWorkspaceFileList } from "./workspace-file-list.ts";
import { addWorkspaceFileRead } from "./workspace-file-read.ts";
import { addWorkspaceFileWrite } from "./workspace-file-write.ts";
import { addWorkspaceGc } from "./workspace-gc.ts";
import { addWorkspaceList } from "./workspace-list.ts";
import { addWorkspaceLogs } from "./workspace-logs.ts";
import {
  addWorkspaceNetworkChanges,
  addWorkspaceNetworkCheck,
  addWorkspaceNetworkLog,
  addWorkspaceNetworkShow,
} from "./workspace-network.ts";
import { addWorkspaceNetworkLearn } from "./workspace-network-learn.ts";
import { addWorkspacePatchApply } from "./workspace-patch-apply.ts";
import {
  addWorkspacePortList,
  addWorkspacePortPublish,
  addWorkspacePortUnpublish,
} from "./workspace-port.ts";
import { addWorkspaceReset } from "./workspace-reset.ts";
import { addWorkspaceSecretList } from "./workspace-secret-list.ts";
import { addWorkspaceSecretRemove } from "./workspace-secret-remove.ts";
import { addWorkspaceSecretSet } from "./workspace-secret-set.ts";
import { addWorkspaceServiceList } from "./workspace-service-list.ts";
import { addWorkspaceServiceLogs } from "./workspace-service-logs.ts";
import { addWorkspaceServiceRestart } from "./workspace-service-restart.ts";
import { addWorkspaceServiceStart } from "./workspace-service-start.ts";
import { addWorkspaceServiceStatus } from "./workspace-service-status.ts";
import { addWorkspaceServiceStop } from "./workspace-service-stop.ts";
import { addWorkspaceShellAttach } from "./workspace-shell-attach.ts";
import { addWorkspaceShellClose } from "./workspace-shell-close.ts";
import { addWorkspaceShellList } from "./workspace-shell-list.ts";
import { addWorkspaceShellOpen } from "./workspace-shell-open.ts";
import { addWorkspaceShellRead } from "./workspace-shell-read.ts";
import { addWorkspaceShellResize } from "./workspace-shell-resize.ts";
import { addWorkspaceShellSignal } from "./workspace-shell-signal.ts";
import { addWorkspaceShellWrite } from "./workspace-shell-write.ts";
import { addWorkspaceSnapshotCreate } from "./workspace-snapshot-create.ts";
import { addWorkspaceSnapshotDelete } from "./workspace-snapshot-delete.ts";
import { addWorkspaceSnapshotList } from "./workspace-snapshot-list.ts";
import { addWorkspaceStart } from "./workspace-start.ts";
import { addWorkspaceStatus } from "./workspace-status.ts";
import { addWorkspaceStop } from "./workspace-stop.ts";
import { addWorkspaceSummary } from "./workspace-summary.ts";
import { addWorkspaceSyncPush } from "./workspace-sync-push.ts";
import { addWorkspaceUpdate } from "./workspace-update.ts";

/** `pyro workspace …`, in the order one works. */
export function addWorkspace(program: Command, context: CommandContext): void {
  const workspace = addGroup(program, {
    name: "workspace",
    summary: "persistent machines: create, exec, diff, export, …",
    description:
      "A workspace is a machine that lives until deleted, with a /workspace whose changes can be seen, taken out and undone.\nAn id may be shortened or be a name. `pyro ws` is the same command.",
    examples: ["pyro workspace create debian:12 --name demo", "pyro workspace exec demo -- ls"],
  }).alias("ws");
  addWorkspaceCreate(workspace, context);
  addWorkspaceList(workspace, context);
  addWorkspaceStatus(workspace, context);
  addWorkspaceUpdate(workspace, context);
  addWorkspaceExec(workspace, context);
  addShells(workspace, context);
  addWorkspaceLogs(workspace, context);
  addWorkspaceSummary(workspace, context);
  addWorkspaceDiff(workspace, context);
  addWorkspaceExport(workspace, context);
  addContent(workspace, context);
  addServices(workspace, context);
  addNetwork(workspace, context);
  addSnapshots(workspace, context);
  addSecrets(workspace, context);
  addWorkspaceReset(workspace, context);
  addWorkspaceStop(workspace, context);
  addDisk(workspace, context);
  addWorkspaceStart(workspace, context);
  addWorkspaceDelete(workspace, context);
  addWorkspaceGc(workspace, context);
}

function addShells(workspace: Command, context: CommandContext): void {
  const shell = addGroup(workspace, {
    name: "shell",
    summary: "programs on terminals that stay: open, attach, read, write, …",
    description:
      "A shell is a program on a terminal of its own, for what asks questions or draws on the screen. It lives in the workspace until it ends or is closed.",
    examples: ["pyro workspace shell open demo", "pyro workspace shell attach demo"],
  });
  addWorkspaceShellOpen(shell, context);
  addWorkspaceShellList(shell, context);
  addWorkspaceShellRead(shell, context);
  addWorkspaceShellWrite(shell, context);
  addWorkspaceShellAttach(shell, context);
  addWorkspaceShellResize(shell, context);
  addWorkspaceShellSignal(shell, context);
  addWorkspaceShellClose(shell, context);
}

function addContent(workspace: Command, context: CommandContext): void {
  const sync = addGroup(workspace, {
    name: "sync",
    summary: "host content into a workspace: push",
    description: "Brings host content into a workspace that is there already.",
    examples: [
      "pyro workspace sync push demo ./src --dest src",
      "pyro workspace sync push demo fixtures.tar.gz",
    ],
  });
  addWorkspaceSyncPush(sync, context);
  const file = addGroup(workspace, {
    name: "file",
    summary: "files of a workspace: list, read, write",
    description: "Looks at single files of a started workspace, and writes them.",
    examples: ["pyro workspace file list demo", "pyro workspace file read demo README.md"],
  });
  addWorkspaceFileList(file, context);
  addWorkspaceFileRead(file, context);
  addWorkspaceFileWrite(file, context);
  const patch = addGroup(workspace, {
    name: "patch",
    summary: "changes as a text patch: apply",
    description: "Changes files of a started workspace by a patch.",
    examples: [
      "pyro workspace patch apply demo --patch-file fix.patch",
      "git diff | pyro workspace patch apply demo --patch-file -",
    ],
  });
  addWorkspacePatchApply(patch, context);
}

function addServices(workspace: Command, context: CommandContext): void {
  const service = addGroup(workspace, {
    name: "service",
    summary: "programs that stay: start, list, status, logs, stop, restart",
    description:
      "Runs servers and other programs that stay, by name, and says when they are ready.",
    examples: [
      "pyro workspace service start demo web --ready-tcp 8000 -- python3 -m http.server",
      "pyro workspace service logs demo web --follow",
    ],
  });
  addWorkspaceServiceStart(service, context);
  addWorkspaceServiceList(service, context);
  addWorkspaceServiceStatus(service, context);
  addWorkspaceServiceLogs(service, context);
  addWorkspaceServiceStop(service, context);
  addWorkspaceServiceRestart(service, context);
  const port = addGroup(workspace, {
    name: "port",
    summary: "ports of the guest on this machine: publish, list, unpublish",
    description:
      "Reaches servers of a workspace from this machine, and from nowhere else. Needs a workspace created with --network-policy published-ports.",
    examples: ["pyro workspace port publish demo 8080:80", "pyro workspace port list demo"],
  });
  addWorkspacePortPublish(port, context);
  addWorkspacePortList(port, context);
  addWorkspacePortUnpublish(port, context);
}

function addNetwork(workspace: Command, context: CommandContext): void {
  const network = addGroup(workspace, {
    name: "network",
    summary: "what commands may reach: show, allow, deny, remove, check, log, learn",
    description:
      "Says and changes what a workspace may reach, and tells what it tried to. Needs a workspace created with --network-policy egress.",
    examples: [
      "pyro workspace network log demo --denied",
      "pyro workspace network allow demo api.example.com:443",
    ],
  });
  addWorkspaceNetworkShow(network, context);
  addWorkspaceNetworkChanges(network, context);
  addWorkspaceNetworkCheck(network, context);
  addWorkspaceNetworkLog(network, context);
  addWorkspaceNetworkLearn(network, context);
}

function addSnapshots(workspace: Command, context: CommandContext): void {
  const snapshot = addGroup(workspace, {
    name: "snapshot",
    summary: "named states of /workspace: create, list, delete",
    description: "Keeps states of /workspace under names. `pyro workspace reset` goes back to one.",
    examples: [
      "pyro workspace snapshot create demo before-fix",
      "pyro workspace reset demo --snapshot before-fix",
    ],
  });
  addWorkspaceSnapshotCreate(snapshot, context);
  addWorkspaceSnapshotList(snapshot, context);
  addWorkspaceSnapshotDelete(snapshot, context);
}

function addSecrets(workspace: Command, context: CommandContext): void {
  const secret = addGroup(workspace, {
    name: "secret",
    summary: "what commands may use and nobody may see: list, set, rm",
    description:
      "Changes the secrets of a workspace. `exec --secret-env NAME` gives one to a command; /run/pyro-secrets/NAME holds it in the guest's memory.",
    examples: [
      "pyro workspace secret set demo --secret-file API_TOKEN=token.txt",
      "pyro workspace exec demo --secret-env API_TOKEN -- ./deploy.sh",
    ],
  });
  addWorkspaceSecretList(secret, context);
  addWorkspaceSecretSet(secret, context);
  addWorkspaceSecretRemove(secret, context);
}

function addDisk(workspace: Command, context: CommandContext): void {
  const disk = addGroup(workspace, {
    name: "disk",
    summary: "the disk of a stopped workspace: list, read, export",
    description:
      "Looks at all files of a stopped workspace's guest, not only those below /workspace. Nothing of the workspace runs for it.",
    examples: [
      "pyro workspace disk list demo /etc",
      "pyro workspace disk export demo --output demo.ext4",
    ],
  });
  addWorkspaceDiskList(disk, context);
  addWorkspaceDiskRead(disk, context);
  addWorkspaceDiskExport(disk, context);
}

interface Group {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly string[];
}

function addGroup(parent: Command, { name, summary, description, examples }: Group): Command {
  const lines = examples.map((example) => `\n  ${example}`).join("");
  return parent
    .command(name)
    .summary(summary)
    .description(description)
    .helpCommand(false)
    .addHelpText("after", `\nExamples:${lines}`);
}
