// Kills pyro, and fills the disk of its state, at any moment of its calls; fails when anything acknowledged was lost, anything
// untrue was told, or anything was stuck. See `make campaign`.
import { spawnSync } from "node:child_process";
import { runCampaign } from "../test/support/campaign/campaign.ts";

const inside = "--inside";
const [kills = "300", cuts = "100", where] = process.argv.slice(2);

if (where !== inside) {
  // Its small file system must be nobody else's.
  const mapped = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const node = [process.execPath, ...process.execArgv, import.meta.filename];
  const { status } = spawnSync("unshare", ["--mount", ...mapped, ...node, kills, cuts, inside], {
    stdio: "inherit",
  });
  process.exit(status ?? 1);
}

const verdict = await runCampaign({
  kills: Number(kills),
  cuts: Number(cuts),
  onRound: (round, text) => process.stderr.write(`${round}: ${text}\n`),
});
console.log(JSON.stringify(verdict, undefined, 2));
const { lost, untrue, stuck } = verdict;
process.exit(lost.length + untrue.length + stuck.length === 0 ? 0 : 1);
