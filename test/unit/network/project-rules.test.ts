import assert from "node:assert/strict";
import { test } from "node:test";
import {
  closedEgressPolicy,
  defaultEgressPolicy,
  isOfProject,
  listText,
  type ProjectRules,
  parseEgressPolicy,
  projectText,
} from "../../../src/model/egress.ts";
import { decide } from "../../../src/network/decide.ts";
import { narrowestPolicy } from "../../../src/network/narrowest.ts";
import { inForce, policyHere, preparedHere } from "../../../src/network/policy.ts";
import { warningsOfProject } from "../../../src/network/project-warnings.ts";
import { identifySelf } from "../../../src/platform/processes.ts";

const project: ProjectRules = { only: ["a.example", "registries"], deny: ["b.example:25"] };

test("what a project says is kept as it is, and one that is damaged allows nothing", () => {
  const kept = { ...defaultEgressPolicy, project };
  assert.deepEqual(parseEgressPolicy(JSON.stringify(kept)), kept);
  const { project: _, ...older } = defaultEgressPolicy;
  assert.deepEqual(parseEgressPolicy(JSON.stringify(older)), defaultEgressPolicy);
  for (const damaged of [
    {},
    [],
    3,
    "",
    { only: [] },
    { deny: [] },
    { only: "a.example", deny: [] },
    { only: [1], deny: [] },
    { only: null, deny: [null] },
    { only: null, deny: "x" },
  ]) {
    const text = JSON.stringify({ ...defaultEgressPolicy, project: damaged });
    assert.deepEqual(parseEgressPolicy(text), closedEgressPolicy, text);
  }
});

test("it holds while somebody learns what a command reaches, and for what was learned", () => {
  const learning = { by: identifySelf(), endsAtMs: Date.now() + 60_000 };
  const policy = { ...policyHere({ preset: "none", rules: [] }, { project }), learning };
  assert.deepEqual([inForce(policy).preset, inForce(policy).project], ["open", project]);
  const rule = (host: string) => {
    const destination = { host, address: null, port: 443 };
    return decide(preparedHere(policy), destination).rule;
  };
  assert.equal(rule("a.example"), "preset open");
  assert.equal(rule("c.example"), ".pyro.toml: only a.example, registries");
  const made = [{ host: "a.example", port: 443, address: "8.8.8.8" }];
  const learned = narrowestPolicy(made, { rules: [], project });
  assert.deepEqual([learned.rules, learned.project], [["allow a.example:443"], project]);
});

test("rules that allow what it refuses are told of, as far as the rule alone shows that", () => {
  const told = (rule: string, file: ProjectRules = project) =>
    warningsOfProject(policyHere({ preset: "none", rules: [rule] }, { project: file }))
      .map((warning) => /^"(.*)" opens nothing: .*\((.*)\)\. Change \.pyro\.toml in/.exec(warning))
      .map((match) => [match?.[1], match?.[2]]);
  const only = ".pyro.toml: only a.example, registries";
  for (const rule of ["allow c.example", "allow c.example:443", "allow b.example:25"])
    assert.equal(told(rule)[0]?.[0], rule);
  assert.deepEqual(told("allow c.example:80"), [["allow c.example:80", only]]);
  for (const useful of [
    ...["allow a.example", "allow a.example:8080", "allow pypi.org:443", "allow registries"],
    // Names that it lets through may lead there, or be below.
    ...["allow *.example", "allow 10.0.0.0/8", "allow 10.1.2.3", "allow private", "deny c.example"],
  ])
    assert.deepEqual(told(useful), [], useful);

  const denying = { only: null, deny: ["*.evil.example", "10.0.0.0/24", "b.example:8000"] };
  for (const rule of ["allow a.evil.example", "allow *.evil.example", "allow 10.0.0.7:22"])
    assert.equal(told(rule, denying)[0]?.[0], rule);
  assert.deepEqual(told("allow b.example:8000", denying).length, 1);
  for (const useful of ["allow b.example", "allow b.example:8000-8010", "allow 10.0.0.0/8"])
    assert.deepEqual(told(useful, denying), [], useful);
  // Whatever leads to an address of the list may be meant.
  assert.deepEqual(told("allow c.example", { only: ["10.0.0.0/8"], deny: [] }), []);
  assert.deepEqual(
    warningsOfProject(policyHere({ preset: "open", rules: ["allow c.example"] })),
    [],
  );
});

test("it is named in short, and never as a rule of a person's", () => {
  const many = Array.from({ length: 1000 }, (_, index) => `host-${index}.example`);
  assert.equal(listText([]), "nothing");
  assert.equal(listText(["a", "b"]), "a, b");
  assert.match(listText(many), /^host-0\.example, host-1\.example, .* and 99\d more$/);
  assert.match(listText(["x".repeat(100), "y"]), /^x+ and 1 more$/);
  assert.equal(projectText({ project: null }), null);
  assert.equal(projectText({ project }), "only a.example, registries; deny b.example:25");
  assert.equal(projectText({ project: { only: [], deny: [] } }), "only nothing");
  const long = preparedHere(
    policyHere({ preset: "open", rules: [] }, { project: { only: many, deny: [] } }),
  );
  const { rule } = decide(long, { host: "a.example", address: null, port: 443 });
  assert.ok(rule.length < 120, rule);
  assert.ok(isOfProject(rule));
  for (const other of ["deny .pyro.toml", "preset none", "default deny host"])
    assert.ok(!isOfProject(other));
});
