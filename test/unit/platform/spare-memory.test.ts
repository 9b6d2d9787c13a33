import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

const program = `
import { setTimeout as sleep } from "node:timers/promises";
import { SpareMemory } from "./src/platform/spare-memory.ts";
const mib = () => process.memoryUsage.rss() / (1 << 20);
const spare = new SpareMemory();
const took = [mib()];
let garbage = Array.from({ length: 600_000 }, (_, index) => ({ index, text: "one" + index }));
garbage = undefined;
took.push(mib());
spare.look();
took.push(mib());
await sleep(500);
spare.look();
took.push(mib());
globalThis.gc = () => took.push("collected again");
await sleep(500);
spare.look();
console.log(JSON.stringify(took));`;

test("memory of work that is over is given back once nothing goes on, and then left alone", () => {
  const args = ["--expose-gc", "--disable-warning=ExperimentalWarning", "--input-type=module"];
  const said = execFileSync(process.execPath, [...args, "-e", program], { encoding: "utf8" });
  const took: unknown[] = JSON.parse(said);
  const [before = NaN, grown = NaN, busy = NaN, given = NaN] = took.map(Number);
  assert.ok(grown > before + 30, said);
  assert.ok(busy > grown - 5, said);
  assert.ok(given < before + 15, said);
  assert.equal(took.length, 4, said);
});
