import assert from "node:assert/strict";
import { test } from "node:test";
import { walkDirectory } from "../../../../src/trees/walk-directory.ts";
import { openPlace } from "./place.ts";

const canary = "canary0123456789abcdef";

for (const [key, value, said] of [
  ["remote.origin.url", `https://me:${canary}@example.com/a.git`, "remote.origin.url"],
  ["remote.up.pushurl", `https://${canary}@example.com/a.git`, "remote.up.pushurl"],
  [`url.https://x:${canary}@example.com/.insteadOf`, "ex:", "url.https://example.com/.insteadof"],
  [
    "http.https://example.com/.extraHeader",
    `Authorization: Basic ${canary}`,
    "http.https://example.com/.extraheader",
  ],
  ["http.extraHeader", `AUTHORIZATION: bearer ${canary}`, "http.extraheader"],
  ["remote.origin.url", "https://me@example.com/a.git", undefined],
  ["remote.origin.url", "ssh://git@example.com/a.git", undefined],
  ["remote.origin.url", "https://example.com/a@b:c/d.git", undefined],
  ["http.extraHeader", "X-Trace: 1", undefined],
] as const)
  test(`${key} = ${value.replace(canary, "…")} is ${said ?? "nothing"} to be warned of`, async (t) => {
    const { root, git, make } = await openPlace(t);
    make("c");
    git("c", "config", key, value);
    const warnings: string[] = [];
    for await (const _ of walkDirectory(`${root}/c`, { onWarning: (text) => warnings.push(text) }));
    assert.deepEqual(
      warnings,
      said === undefined
        ? []
        : [
            `The checkout: its configuration has a password or token in ${said}, which comes along: take it out, and set it up in the guest by other means.`,
          ],
    );
    assert.ok(!JSON.stringify(warnings).includes(canary));
  });
