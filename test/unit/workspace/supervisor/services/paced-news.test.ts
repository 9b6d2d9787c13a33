import assert from "node:assert/strict";
import { test } from "node:test";
import { PacedNews } from "../../../../../src/workspace/supervisor/services/paced-news.ts";
import { until } from "../../../../support/until.ts";

test("the newest of each name is handed on", async () => {
  const handed: string[] = [];
  const news = new PacedNews<string>((text) => void handed.push(text));
  news.push("a", "a1");
  news.push("b", "b1");
  news.push("a", "a2");
  await until("both are there", () => handed.length === 2);
  assert.deepEqual(handed, ["a2", "b1"]);
});

test("whoever never stops telling is listened to for a tenth of the time", async () => {
  let [handedMs, count] = [0, 0];
  const news = new PacedNews<number>(() => {
    const began = performance.now();
    while (performance.now() - began < 20);
    handedMs += performance.now() - began;
  });
  const began = performance.now();
  await until("a second has passed", () => {
    for (let at = 0; at < 100; at++) news.push("flapping", count++);
    return performance.now() - began > 1000;
  });
  assert.ok(handedMs > 0 && handedMs < (performance.now() - began) / 4, `${handedMs} ms`);
});

test("what could not be handed on is handed on again, unless there is newer", async () => {
  const handed: string[] = [];
  let isFull = true;
  const news = new PacedNews<string>((text) => {
    if (isFull) throw new TypeError("no room");
    handed.push(text);
  });
  news.push("a", "a1");
  news.push("b", "b1");
  await new Promise((resolve) => setTimeout(resolve, 50));
  isFull = false;
  news.push("a", "a2");
  await until("both are there", () => handed.length === 2);
  assert.deepEqual(handed.sort(), ["a2", "b1"]);
});
