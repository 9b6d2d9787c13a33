import assert from "node:assert/strict";
import { test } from "node:test";
import type { GuestShell, OutputRequest } from "../../../../src/channel/shell-client.ts";
import type { ShellEvent } from "../../../../src/channel/shell-output.ts";
import { SecretValues } from "../../../../src/secrets/redaction.ts";
import { readShell } from "../../../../src/workspace/screens/read-shell.ts";
import { Screen } from "../../../../src/workspace/screens/screen.ts";
import type { ShellSource } from "../../../../src/workspace/screens/shell-source.ts";

const size = { cols: 40, rows: 5 };
const values = new SecretValues([{ name: "TOKEN", value: "secret-value" }]);

/** A shell that writes a piece whenever it is waited for. */
class Pieces implements ShellSource {
  readonly #left: string[];
  #written: Buffer;
  idleMs = 0;

  constructor(first: string, ...left: string[]) {
    this.#written = Buffer.from(first);
    this.#left = left;
  }

  async status(): Promise<GuestShell> {
    return {
      id: "sh-00000000",
      pid: 1,
      ...size,
      ageMs: 0,
      idleMs: this.idleMs,
      firstPosition: 0,
      nextPosition: this.#written.length,
      applicationCursor: false,
      bracketedPaste: false,
      attachedCount: 0,
      ending: undefined,
    };
  }

  async *output({ from }: OutputRequest): AsyncGenerator<ShellEvent> {
    yield { kind: "position", position: from, lostBytes: 0 };
    yield { kind: "bytes", bytes: this.#written.subarray(from) };
  }

  async changed(): Promise<boolean> {
    const piece = this.#left.shift();
    if (piece === undefined) this.idleMs = Infinity;
    else this.#written = Buffer.concat([this.#written, Buffer.from(piece)]);
    return piece !== undefined;
  }
}

async function reader(source: ShellSource) {
  const screen = await Screen.open(size);
  return (mode: "plain" | "screen", cursor = 0) =>
    readShell(
      {
        shellId: "sh-00000000",
        mode,
        cursor,
        maxChars: 1000,
        idleMs: undefined,
        text: undefined,
        timeoutMs: 1000,
      },
      source,
      { values, openScreen: async () => screen },
    );
}

for (const mode of ["plain", "screen"] as const)
  test(`a ${mode} read that would end within a value waits for the rest of it`, async () => {
    const read = await reader(new Pieces("1 secr", "et-", "value over", "\r\nlater"));
    assert.equal((await read(mode)).output, "1 [REDACTED:TOKEN] over");
  });

test("what never becomes a value is shown, and what follows it is still looked at as a part of one", async () => {
  const source = new Pieces("1 secret-");
  const read = await reader(source);
  const first = await read("plain");
  assert.equal(first.output, "1 secret-");
  const late = new Pieces("1 secret-value over");
  Object.assign(source, {
    status: () => late.status(),
    output: (request: OutputRequest) => late.output(request),
  });
  assert.equal((await read("plain", first.nextCursor)).output, "[REDACTED:TOKEN] over");
});

test("a value is hidden on a screen that its first rows have left", async () => {
  const long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".repeat(2);
  const hidden = new SecretValues([{ name: "LONG", value: long }]);
  const source = new Pieces(`${long}\r\n\r\n\r\nend`);
  const screen = await Screen.open(size);
  const question = { shellId: "sh-00000000", mode: "screen" as const, cursor: 0, maxChars: 1000 };
  const { output } = await readShell(
    { ...question, idleMs: undefined, text: undefined, timeoutMs: 1000 },
    source,
    { values: hidden, openScreen: async () => screen },
  );
  assert.equal(output, "[REDACTED:LONG]\n\n\nend");
});
