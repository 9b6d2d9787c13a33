import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, test } from "node:test";
import { Descriptors } from "../../../src/drivers/descriptors.ts";
import { launchJailed } from "../../../src/drivers/launch.ts";
import { PyroError } from "../../../src/model/errors.ts";
import {
  identifyProcess,
  killProcess,
  type ProcessIdentity,
  waitUntilGone,
} from "../../../src/platform/processes.ts";
import { builtAgent, repository, scratchDirectory } from "../../support/home.ts";
import { startProcess } from "../../support/process.ts";

const directory = scratchDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));

/** A stand-in for a monitor that outlives us and runs for a minute; whether it ever ran shows in its name. */
const launch = (claim: (identity: ProcessIdentity) => void) =>
  launchJailed({
    program: "/bin/sleep",
    arguments: ["60"],
    devices: [],
    descriptors: new Descriptors(),
    deviceGid: undefined,
    guardianProgram: builtAgent,
    lifetime: { directory, ttlMs: Infinity, claim },
  });

test("a machine that outlives us is claimed before it runs", async () => {
  let claimed: ProcessIdentity | undefined;
  const { identity, child } = await launch((given) => {
    claimed = given;
  });
  assert.deepEqual(claimed, identity);
  child.unref();
  await killProcess(identity);
});

test("a machine that cannot be claimed never runs", async () => {
  let claimed: ProcessIdentity | undefined;
  const refusal = new PyroError("workspace_lost", "It was deleted meanwhile.");
  const claim = (given: ProcessIdentity) => {
    claimed = given;
    throw refusal;
  };
  await assert.rejects(launch(claim), refusal);
  assert.ok(claimed !== undefined && (await waitUntilGone(claimed, 5_000)));
});

test("a machine whose starter is killed before it is claimed never runs", async () => {
  const started = startProcess(
    [process.execPath, "--input-type=module", "--eval", starterThatIsKilled],
    { env: { PATH: process.env.PATH ?? "" } },
  );
  const { stdout, signal } = await started.ended;
  assert.equal(signal, "SIGKILL");
  const jailed = identifyProcess(Number(stdout));
  assert.ok(jailed === undefined || (await waitUntilGone(jailed, 5_000)), `${stdout} lives on`);
});

const starterThatIsKilled = `
  import { Descriptors } from "${repository}/src/drivers/descriptors.ts";
  import { launchJailed } from "${repository}/src/drivers/launch.ts";
  import { writeSync } from "node:fs";
  await launchJailed({
    program: "/bin/sleep",
    arguments: ["60"],
    devices: [],
    descriptors: new Descriptors(),
    deviceGid: undefined,
    guardianProgram: "${builtAgent}",
    lifetime: {
      directory: "${directory}",
      ttlMs: Infinity,
      claim: ({ pid }) => {
        writeSync(1, String(pid));
        process.kill(process.pid, "SIGKILL");
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
      },
    },
  });
`;
