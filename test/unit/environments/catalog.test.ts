import assert from "node:assert/strict";
import { test } from "node:test";
import { catalog, isOutdated, recipeOf } from "../../../src/environments/catalog.ts";
import type { ImageSource } from "../../../src/environments/store.ts";

test("an image is outdated once the catalog builds its environment otherwise", () => {
  const [entry] = catalog;
  assert.ok(entry);
  const { name: environment, suite } = entry;
  const image = (source: ImageSource, name = environment) =>
    isOutdated({ ...base, environment: name, source });
  const base = {
    id: "",
    config: {
      env: [],
      workingDirectory: undefined,
      user: undefined,
      entrypoint: undefined,
      command: undefined,
    },
    createdAt: "",
    entryCount: 0,
    usedBytes: 0,
  };
  const recipe = recipeOf(entry);
  assert.equal(image({ kind: "debian", suite, recipe }), false);
  assert.equal(image({ kind: "debian", suite }), true);
  assert.equal(
    image({ kind: "debian", suite, recipe: recipeOf({ ...entry, packages: ["git"] }) }),
    true,
  );
  assert.equal(image({ kind: "debian", suite }, "debian:11"), false);
  const digest = `sha256:${"0".repeat(64)}`;
  assert.equal(
    image({ kind: "oci", reference: environment, manifestDigest: digest }),
    false,
    "an image of that name from a registry is what its registry says",
  );
});
