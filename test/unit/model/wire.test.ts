import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import * as results from "../../../src/model/results.ts";
import { snakeCase, toWire } from "../../../src/model/wire.ts";
import * as workspaceResults from "../../../src/model/workspace-results.ts";

test("declared fields are renamed, keys that users chose are not", () => {
  const schema = z.object({
    labelsByName: z.record(z.string(), z.string()),
    innerList: z.array(z.object({ exitCode: z.number() })),
    maybeNull: z.string().nullable(),
  });
  const value = {
    labelsByName: { myLabel: "keepMe" },
    innerList: [{ exitCode: 3 }],
    maybeNull: null,
  };
  assert.deepEqual(toWire(schema, value), {
    labels_by_name: { myLabel: "keepMe" },
    inner_list: [{ exit_code: 3 }],
    maybe_null: null,
  });
});

test("fields that are not declared never reach the wire", () => {
  assert.deepEqual(toWire(z.object({ a: z.string() }), { a: "x", secret: "y" }), { a: "x" });
});

test("names become snake_case", () => {
  assert.equal(snakeCase("stdoutBase64"), "stdout_base64");
  assert.equal(snakeCase("vmId"), "vm_id");
  assert.equal(snakeCase("durationMs"), "duration_ms");
});

test("every result's wire names are unique and in snake_case", () => {
  for (const [name, schema] of Object.entries({ ...results, ...workspaceResults })) {
    if (schema instanceof z.ZodEnum) continue;
    assert.ok(schema instanceof z.ZodObject, name);
    const names = Object.keys(schema.shape).map(snakeCase);
    assert.equal(new Set(names).size, names.length, name);
    for (const field of names)
      assert.match(field, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, `${name}.${field}`);
  }
});
