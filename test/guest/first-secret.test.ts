import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { SecretScan } from "../support/secret-scan.ts";
import { until } from "../support/until.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

const token = `canary-${randomBytes(12).toString("base64")}`;
const marker = `marker-${randomBytes(12).toString("base64")}`;
/** What a shell takes for the marker, and nobody finds it in. */
const spelled = `${marker.slice(0, 12)}""${marker.slice(12)}`;

/** Says the marker, waits for the secret, and gives it away. */
const teller = `echo ${spelled}
while [ ! -e /run/pyro-secrets/TOKEN ]; do sleep 0.05; done
cat /run/pyro-secrets/TOKEN; echo; echo told >&2
exec sleep 600`;

describe("the first secret of a workspace whose services run", () => {
  let ws: TestWorkspaces;
  let id: string;
  let since: number;
  before(async () => {
    since = Date.now() - 1000;
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create({ name: "late" }));
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const textsOf = async (name: string) => {
    const { lines } = await ws.pyro.logsService(id, name, { all: true });
    return lines.map(({ text }) => text);
  };
  /** The files of the workspace's directory that show a text. */
  const placesOf = (text: string) =>
    new SecretScan([text]).places({
      directories: [join(ws.home.stateDirectory, "workspaces", id)],
      since,
      processTraces: [],
    });

  it("moves what they write from then on off the disk, and what they wrote is read in order", async () => {
    await ws.pyro.startService(id, "teller", {
      command: ["sh", "-c", teller],
      readiness: { kind: "log", text: marker.slice(8, 12) },
    });
    await ws.pyro.startService(id, "brief", { command: ["echo", "bye"] });
    const hasEnded = async () => (await ws.pyro.statusService(id, "brief")).state === "exited";
    await until("one of them is over", hasEnded);
    const followed: string[] = [];
    const cut = new AbortController();
    const following = ws.pyro.followServiceLogs(id, "teller", {
      cursor: 0,
      onLine: ({ text }) => void followed.push(text.toString()),
      signal: cut.signal,
    });
    await ws.pyro.setSecrets(id, { secrets: [{ name: "TOKEN", value: token }] });
    await until("the secret is told", async () => (await textsOf("teller")).includes("told"));
    const expected = [marker, "[REDACTED:TOKEN]", "told"];
    assert.deepEqual(await textsOf("teller"), expected);
    await until("whoever follows has it", () => followed.length === expected.length);
    assert.deepEqual(followed, expected);
    cut.abort();
    await assert.rejects(following);
    assert.deepEqual(await textsOf("brief"), ["bye"]);
    await ws.pyro.restartService(id, "teller");
    await until("it is told again", async () => (await textsOf("teller")).length === 6);
    assert.deepEqual(await textsOf("teller"), [...expected, ...expected]);
  });

  it("leaves nothing of it on the disk, and what was there before stays", async () => {
    await ws.pyro.stopWorkspace(id);
    assert.deepEqual(await placesOf(token), ["secrets.json"]);
    assert.deepEqual(await placesOf(marker), ["disk.ext4"]);
    await ws.pyro.startWorkspace(id);
    assert.deepEqual(await textsOf("teller"), [marker]);
    assert.deepEqual(await textsOf("brief"), ["bye"]);
    await ws.pyro.startService(id, "teller", { command: ["echo", "anew"] });
    await until("it is over", async () => (await textsOf("teller")).includes("anew"));
    assert.deepEqual(await textsOf("teller"), ["anew"]);
    await ws.pyro.deleteWorkspace(id);
  });
});
