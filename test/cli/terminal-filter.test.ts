import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalFilter } from "../../src/cli/terminal-filter.ts";

const esc = "\u001b";

/** What of a guest's text reaches the terminal, cut at every place. */
function passed(text: string): string {
  const bytes = Buffer.from(text);
  const whole = new TerminalFilter().pass(bytes);
  for (let cut = 1; cut < bytes.length; cut++) {
    const filter = new TerminalFilter();
    const pieces = filter.pass(bytes.subarray(0, cut)) + filter.pass(bytes.subarray(cut));
    assert.equal(pieces, whole, `${JSON.stringify(text)} cut at ${cut}`);
  }
  return whole;
}

test("text and what draws passes as it is", () => {
  for (const text of [
    "plain\r\n\ttext \u0007\b",
    "漢字 \u{1f600}",
    `${esc}[1;31mred${esc}[0m ${esc}[38:2::1:2:3m`,
    `${esc}[2J${esc}[H${esc}[5;10r${esc}[3A${esc}[K${esc}[?1049h${esc}[?25l${esc}[?2004h`,
    `${esc}7${esc}8${esc}M${esc}(0lqk${esc}(B${esc}=${esc}>`,
    `${esc}[4 q${esc}[!p`,
    `${esc}]8;id=1;https://example.org/${esc}\\link${esc}]8;;${esc}\\`,
  ])
    assert.equal(passed(text), text);
});

test("questions, reports and what reaches beyond the screen do not pass", () => {
  for (const text of [
    `${esc}[c`,
    `${esc}[0c`,
    `${esc}[>c`,
    `${esc}[=c`,
    `${esc}Z`,
    "\u0005",
    `${esc}[5n`,
    `${esc}[6n`,
    `${esc}[?6n`,
    `${esc}[?996n`,
    `${esc}[?2026$p`,
    `${esc}[4$p`,
    `${esc}[>q`,
    `${esc}[?u`,
    `${esc}[>1u`,
    `${esc}[?4m`,
    `${esc}[>4;2m`,
    `${esc}[18t`,
    `${esc}[21t`,
    `${esc}[22;0t`,
    `${esc}[x`,
    `${esc}[1;1;1;1;1;1*y`,
    `${esc}[?1;1S`,
    `${esc}[1$w`,
    `${esc}]0;title\u0007`,
    `${esc}]2;title${esc}\\`,
    `${esc}]52;c;aGk=\u0007`,
    `${esc}]52;c;?\u0007`,
    `${esc}]4;1;?\u0007`,
    `${esc}]11;?${esc}\\`,
    `${esc}]7;file:///x\u0007`,
    `${esc}]1337;File=:x\u0007`,
    `${esc}]8;;file:///etc/passwd\u0007`,
    `${esc}]8;;javascript:x\u0007`,
    `${esc}P$qm${esc}\\`,
    `${esc}P+q544e${esc}\\`,
    `${esc}_Gi=1,a=q;${esc}\\`,
    `${esc}^x${esc}\\`,
    `${esc}Xx${esc}\\`,
    `${esc}[?2031h`,
    `${esc}[?2048h`,
    `${esc}[2h`,
    `${esc}[?9001h`,
    `${esc}%@`,
    `${esc}l`,
    "\u009b6n",
    "\u009d52;c;?\u009c",
    "\u0090$qm\u009c",
    `${esc}[6\u0018`,
    `${esc}]52;c;?\u0018`,
  ])
    assert.equal(passed(text), "", JSON.stringify(text));
});

test("a question within a sequence that passes is cut out of it", () => {
  assert.equal(passed(`a${esc}[?2004;2031;25hb`), `a${esc}[?2004h${esc}[?25hb`);
  assert.equal(passed(`a${esc}]52;c;${esc}[6nb`), "ab");
  assert.equal(passed(`a${esc}[31\u0007mb`), `a\u0007${esc}[31mb`);
});

test("bytes that are no text cannot be controls", () => {
  const shown = new TerminalFilter().pass(Buffer.from([0x9b, 0x36, 0x6e, 0x61]));
  assert.equal(shown, "\ufffd6na");
});

test("what a program changed is undone, and nothing else", () => {
  const filter = new TerminalFilter();
  filter.pass(Buffer.from(`${esc}[?1049h${esc}[?1000;1006h${esc}[?25l${esc}[?2004h${esc}[?2004l`));
  const restored = filter.restore();
  for (const undone of ["?1049l", "?1000l", "?1006l", "?25h"])
    assert.ok(restored.includes(`${esc}[${undone}`), undone);
  assert.ok(!restored.includes("2004"), "an unchanged mode is left alone");
  assert.ok(!new TerminalFilter().restore().includes("1049"));
});
