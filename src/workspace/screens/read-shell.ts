import { setTimeout as sleep } from "node:timers/promises";
import type { GuestShell } from "../../channel/shell-client.ts";
import { PyroError } from "../../model/errors.ts";
import type { ShellQuestion } from "../../model/shell-reading.ts";
import { heldBytesMin, type SecretValues, silenceMs } from "../../secrets/redaction.ts";
import { RawOutput } from "./raw-output.ts";
import { linesOf, type Screen } from "./screen.ts";
import type { ShellSource } from "./shell-source.ts";

/** What comes soon is looked at at once; a program that goes on and on is not to be kept from it by our looking. */
const gatherMs = 5;
const gatherMsMax = 100;

/** What was read, before it is said in a result's words. */
export interface ShellAnswer {
  readonly shell: GuestShell;
  readonly output: string;
  readonly outputBase64: string | null;
  readonly nextCursor: number;
  /** Bytes after the cursor that are kept no more. */
  readonly droppedBytes: number;
  readonly truncated: boolean;
  /** Whether the text was shown; null when none was asked for. */
  readonly matched: boolean | null;
  readonly timedOut: boolean;
  readonly screen: {
    cols: number;
    rows: number;
    cursorRow: number;
    cursorColumn: number;
    fullScreen: boolean;
  } | null;
}

type Piece = Pick<
  ShellAnswer,
  "output" | "outputBase64" | "nextCursor" | "droppedBytes" | "truncated" | "screen"
>;

/** One form of reading. */
interface View {
  /** Takes in what there is by now. */
  update(): Promise<GuestShell>;
  contains(text: string): boolean;
  /** Up to where it has looked. */
  readonly position: number;
  /** Whether what is shown may end within a value that must not be. */
  readonly endsInValue: boolean;
  piece(): Piece;
}

interface ReadingParts {
  /** What must not be seen. */
  readonly values: SecretValues;
  readonly openScreen: () => Promise<Screen>;
}

/** Waits as asked, and reads. */
export async function readShell(
  question: ShellQuestion,
  source: ShellSource,
  { values, openScreen }: ReadingParts,
): Promise<ShellAnswer> {
  const view =
    question.mode === "raw"
      ? new RawView(question, source)
      : new ScreenView(question, { source, screen: await openScreen(), values });
  const { shell: then, timedOut } = await wait(question, view, source);
  const shell = await awaitWhole(view, source, then);
  const matched = question.text === undefined ? null : view.contains(question.text);
  return { shell, matched, timedOut, ...view.piece() };
}

async function wait(
  question: ShellQuestion,
  view: View,
  source: ShellSource,
): Promise<{ shell: GuestShell; timedOut: boolean }> {
  const { idleMs, text, timeoutMs } = question;
  const deadline = performance.now() + timeoutMs;
  for (let round = 0; ; round++) {
    const shell = await view.update();
    checkCursor(question, shell);
    const isShown = text === undefined || view.contains(text);
    if (shell.ending !== undefined || (isShown && idleMs === undefined))
      return { shell, timedOut: false };
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return { shell, timedOut: true };
    const silenceMs = isShown && idleMs !== undefined ? idleMs : Infinity;
    const hasChanged = await source.changed(view.position, Math.min(silenceMs, leftMs));
    if (!hasChanged && silenceMs <= leftMs) return { shell, timedOut: false };
    await sleep(Math.min(round * gatherMs, gatherMsMax, leftMs));
  }
}

/** Lets whoever writes a value bit by bit complete it: shown in halves it would not be found. */
async function awaitWhole(view: View, source: ShellSource, then: GuestShell): Promise<GuestShell> {
  const deadline = performance.now() + silenceMs;
  let shell = then;
  while (view.endsInValue && shell.ending === undefined) {
    const leftMs = Math.min(deadline - performance.now(), silenceMs - shell.idleMs);
    if (leftMs <= 0) break;
    await source.changed(view.position, leftMs);
    shell = await view.update();
  }
  return shell;
}

class RawView implements View {
  /** Its last bytes are held back by whoever redacts them. */
  readonly endsInValue = false;
  readonly #source: ShellSource;
  readonly #output: RawOutput;

  constructor(question: ShellQuestion, source: ShellSource) {
    this.#source = source;
    this.#output = new RawOutput(source, question);
  }

  get position(): number {
    return this.#output.position;
  }

  async update(): Promise<GuestShell> {
    const shell = await this.#source.status();
    await this.#output.takeUpTo(shell);
    return shell;
  }

  contains(): boolean {
    return this.#output.isFound;
  }

  piece(): Piece {
    return { ...this.#output.piece(), screen: null };
  }
}

class ScreenView implements View {
  readonly #question: ShellQuestion;
  readonly #source: ShellSource;
  readonly #screen: Screen;
  readonly #values: SecretValues;

  constructor(
    question: ShellQuestion,
    { source, screen, values }: { source: ShellSource; screen: Screen; values: SecretValues },
  ) {
    this.#question = question;
    this.#source = source;
    this.#screen = screen;
    this.#values = values;
  }

  get endsInValue(): boolean {
    if (this.#values.isEmpty) return false;
    return this.#values.begunBytes(this.#screen.textAtCursor()) >= heldBytesMin;
  }

  get position(): number {
    return this.#screen.position;
  }

  update(): Promise<GuestShell> {
    return this.#screen.catchUp(this.#source);
  }

  contains(text: string): boolean {
    return this.#text().includes(text);
  }

  #text(): string {
    const { mode, cursor } = this.#question;
    return mode === "screen" ? linesOf(this.#screen.shown()) : this.#screen.textSince(cursor).text;
  }

  piece(): Piece {
    const { mode, cursor, maxChars } = this.#question;
    const { lines, isFullScreen, ...place } = this.#screen.shown();
    const { text: whole, isCut } =
      mode === "screen"
        ? { text: linesOf({ lines }), isCut: false }
        : this.#screen.textSince(cursor);
    const before = this.#values.isEmpty ? "" : this.#screen.textBefore(mode, cursor);
    const text = this.#values.redactAfter(before, whole);
    this.#screen.keepPlace();
    return {
      output: lastChars(text, maxChars),
      outputBase64: null,
      nextCursor: this.#screen.position,
      droppedBytes: 0,
      truncated: isCut || text.length > maxChars,
      screen: mode === "screen" || isFullScreen ? { ...place, fullScreen: isFullScreen } : null,
    };
  }
}

/** The end says most; half a pair would be no character. */
function lastChars(text: string, max: number): string {
  return text.length <= max ? text : text.slice(-max).replace(/^[\udc00-\udfff]/, "");
}

function checkCursor({ cursor }: ShellQuestion, { id, nextPosition }: GuestShell): void {
  if (cursor <= nextPosition) return;
  throw new PyroError(
    "invalid_argument",
    `The cursor ${cursor} is beyond the end of what the shell ${id} wrote, ${nextPosition} bytes.`,
    { hint: "Go on from the next_cursor of an earlier read, or from 0." },
  );
}
