// Kills what lets a guest out, under load, KILLS times; fails when traffic went on for more than a second, or another way. As root.
import { runEgressCampaign } from "../test/support/egress-campaign.ts";

const stoppedMsMax = 1_000;

const verdict = await runEgressCampaign(Number(process.argv[2] ?? 50), (text) =>
  process.stderr.write(`${text}\n`),
);
console.log(JSON.stringify(verdict, undefined, 2));
process.exit(verdict.escaped === 0 && verdict.stoppedMs.slowest <= stoppedMsMax ? 0 : 1);
