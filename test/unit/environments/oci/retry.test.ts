import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { transferPolicy } from "../../../../src/environments/oci/limits.ts";
import { PassingFailure, withRetries } from "../../../../src/environments/oci/retry.ts";
import { PyroError } from "../../../../src/model/errors.ts";

const broken = () => new PassingFailure("It broke.", { hint: "Again." });
const settings = { wait: async () => {}, signal: undefined };

describe("withRetries", () => {
  it("does not repeat what failed for good", async () => {
    let tries = 0;
    const failure = new PyroError("registry_lied", "No.");
    const work = withRetries(() => {
      tries++;
      return Promise.reject(failure);
    }, settings);
    await assert.rejects(work, failure);
    assert.equal(tries, 1);
  });

  it("counts tries that made progress apart, but not without end", async () => {
    let keptBytes = 0;
    let tries = 0;
    const work = withRetries(
      () => {
        tries++;
        keptBytes += transferPolicy.progressBytes;
        return Promise.reject(broken());
      },
      { ...settings, keptBytes: () => keptBytes },
    );
    await assert.rejects(work, { message: "It broke; gave up after 2000 tries.", hint: "Again." });
    assert.equal(tries, transferPolicy.attemptsTotal);
  });

  it("doubles its waits up to a cap, and starts over after progress", async () => {
    let keptBytes = 0;
    const waits: number[] = [];
    const wait = async (milliseconds: number) => {
      waits.push(milliseconds);
      if (waits.length === 3) keptBytes += transferPolicy.progressBytes;
    };
    let tries = 0;
    await withRetries(
      async () => {
        // The fourth try gains bytes before it breaks.
        if (++tries === 4) keptBytes += transferPolicy.progressBytes;
        if (tries < 7) throw broken();
      },
      { ...settings, wait, keptBytes: () => keptBytes },
    );
    const ceilings = waits.map((ms) => [500, 1000, 2000, 4000].find((ceiling) => ms <= ceiling));
    assert.deepEqual(ceilings, [500, 1000, 2000, 500, 1000, 2000]);
  });

  it("stops when the caller gives up, whatever the failure", async () => {
    const controller = new AbortController();
    const work = withRetries(
      () => {
        controller.abort();
        return Promise.reject(broken());
      },
      { ...settings, signal: controller.signal },
    );
    await assert.rejects(work, { name: "AbortError" });
  });
});
