import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { GuestShell, OutputRequest } from "../../../../src/channel/shell-client.ts";
import type { ShellEvent } from "../../../../src/channel/shell-output.ts";
import { linesOf, Screen } from "../../../../src/workspace/screens/screen.ts";
import { repository } from "../../../support/home.ts";

const size = { cols: 20, rows: 5 };

/** What a shell wrote, of which the oldest may be gone. */
class Written {
  #bytes = Buffer.alloc(0);
  #first = 0;
  screenSize = size;

  write(text: string | Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, Buffer.from(text)]);
  }

  forgetTo(position: number): void {
    this.#first = position;
  }

  async status(): Promise<GuestShell> {
    return {
      id: "sh-00000000",
      pid: 1,
      ...this.screenSize,
      ageMs: 0,
      idleMs: 0,
      firstPosition: this.#first,
      nextPosition: this.#bytes.length,
      applicationCursor: false,
      bracketedPaste: false,
      attachedCount: 0,
      ending: undefined,
    };
  }

  async *output({ from, max = Infinity }: OutputRequest): AsyncGenerator<ShellEvent> {
    const position = Math.max(from, this.#first);
    yield { kind: "position", position, lostBytes: position - from };
    // Cut anywhere, as it comes.
    const end = Math.min(this.#bytes.length, position + max);
    const step = Math.max(3, Math.ceil((end - position) / 10));
    for (let at = position; at < end; at += step)
      yield { kind: "bytes", bytes: this.#bytes.subarray(at, Math.min(at + step, end)) };
    yield { kind: "pause" };
  }

  async changed(): Promise<boolean> {
    return false;
  }
}

/** Reads as somebody who goes on from where he stopped. */
async function reader(): Promise<{
  written: Written;
  screen: Screen;
  read: (text: string) => Promise<string>;
}> {
  const written = new Written();
  const screen = await Screen.open(size);
  let cursor = 0;
  const read = async (text: string) => {
    written.write(text);
    await screen.catchUp(written);
    const { text: shown } = screen.textSince(cursor);
    screen.keepPlace();
    cursor = screen.position;
    return shown;
  };
  return { written, screen, read };
}

describe("a screen", () => {
  it("reads as a person would have read it, and goes on where a reader stopped", async () => {
    const { read } = await reader();
    assert.equal(await read("$ "), "$ ");
    assert.equal(await read("ls\r\none\r\n\u001b[32mtwo\u001b[0m\r\n$ "), "ls\none\ntwo\n$ ");
    assert.equal(await read(""), "");
    assert.equal(await read("10%\r100%\b!\r\n"), "100!%\n");
    assert.equal(await read("漢字 \u{1f600}\r\n"), "漢字 \u{1f600}\n");
  });

  it("joins the rows of a line that did not fit, and cuts blanks that nobody wrote", async () => {
    const { read } = await reader();
    assert.equal(await read(`${"x".repeat(45)}\r\nend   \u001b[K\r\n`), `${"x".repeat(45)}\nend\n`);
  });

  it("shows a full-screen program as it stands, and afterwards what was before it", async () => {
    const { read, screen } = await reader();
    await read("$ ");
    const shown = await read(
      "vi\r\n\u001b[?1049h\u001b[2J\u001b[Htext\u001b[5;1Hstatus\u001b[1;3H",
    );
    assert.equal(shown, "text\n\n\n\nstatus");
    const { isFullScreen, cursorRow, cursorColumn } = screen.shown();
    assert.deepEqual([isFullScreen, cursorRow, cursorColumn], [true, 1, 3]);
    assert.equal(await read("\u001b[?1049l$ "), "vi\n$ ");
  });

  it("hides what is concealed", async () => {
    const { read, screen } = await reader();
    assert.equal(await read("a\u001b[8msecret\u001b[0mb\r\n"), "a      b\n");
    assert.equal(linesOf(screen.shown()), "a      b");
  });

  it("says that something is missing, and begins anew after a gap", async () => {
    const { written, screen, read } = await reader();
    await read("old\u001b[31");
    written.write("x".repeat(100));
    written.forgetTo(60);
    written.write("new\r\n");
    await screen.catchUp(written);
    const { text, isCut } = screen.textSince(0);
    assert.equal(isCut, true);
    assert.ok(text.endsWith("new\n") && !text.includes("old"), text);
  });

  it("follows the size of its terminal", async () => {
    const { written, screen, read } = await reader();
    await read("hello");
    written.screenSize = { cols: 40, rows: 10 };
    await screen.catchUp(written);
    assert.deepEqual([screen.shown().cols, screen.shown().rows], [40, 10]);
  });

  it("reads what comes after a line that filled the screen many times", async () => {
    const { read } = await reader();
    const text = await read(`${"x".repeat(200_000)}\r\nover\r\n`);
    assert.ok(text.endsWith("x\nover\n"), JSON.stringify(text.slice(-50)));
  });

  it("keeps a bounded number of places and lines", async () => {
    const { read, screen } = await reader();
    for (let line = 0; line < 7000; line += 70)
      assert.equal((await read("y\r\n".repeat(70))).length, 140);
    assert.ok(screen.textSince(0).text.length <= 2 * 5_010);
    assert.equal(screen.textSince(0).isCut, true);
  });

  it("agrees with what the guest answers to questions", async () => {
    const path = join(repository, "guest/internal/terminal/testdata/xterm-answers.json");
    const sessions: { cols: number; rows: number; input: string; answers: string }[] = JSON.parse(
      readFileSync(path, "utf8"),
    );
    const { default: xterm } = await import("@xterm/headless");
    const { default: unicode } = await import("@xterm/addon-unicode11");
    for (const { cols, rows, input, answers } of sessions) {
      const terminal = new xterm.Terminal({ cols, rows, allowProposedApi: true });
      terminal.loadAddon(new unicode.Unicode11Addon());
      terminal.unicode.activeVersion = "11";
      let answered = "";
      terminal.onData((data) => {
        answered += data;
      });
      await new Promise<void>((resolve) => terminal.write(input, resolve));
      // A cursor that waits to wrap is in the last column.
      assert.equal(
        answered.replaceAll(`;${cols + 1}R`, `;${cols}R`),
        answers,
        JSON.stringify(input),
      );
    }
  });
});
