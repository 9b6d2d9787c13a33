import type { IBuffer, IMarker, Terminal } from "@xterm/headless";
import type { GuestShell } from "../../channel/shell-client.ts";
import type { ShellEvent, TerminalSize } from "../../channel/shell-output.ts";
import type { ReadMode } from "../../model/shell-reading.ts";
import { Turns } from "../../platform/turns.ts";
import { rowText, textBetween } from "./screen-text.ts";
import type { ShellSource } from "./shell-source.ts";

/** What the lines above the screen may take of memory; a cell takes 12 bytes. */
const historyBytesMax = 4_000_000;
const cellBytes = 12;
const historyLinesMax = 5_000;
/** Places that readers may go on from. */
const placesMax = 64;
/** What is given to the terminal before it is waited for. */
const unparsedBytesMax = 256 * 1024;
/** How long a frame that a program draws is waited for. */
const frameMsMax = 200;

/** What may hold the beginning of a value that goes on below. */
const rowsBefore = 32;

/** Where a reader stopped. */
interface Place {
  /** The row it stopped in; undefined where that was before everything. */
  readonly marker: IMarker | undefined;
  /** What of that row it has seen. */
  readonly seen: string;
}

export interface ShownScreen extends TerminalSize {
  readonly lines: readonly string[];
  /** From 1. */
  readonly cursorRow: number;
  readonly cursorColumn: number;
  /** Whether a full-screen program has it. */
  readonly isFullScreen: boolean;
}

/** A supervisor whose shells nobody looks at does without them. */
export function loadTerminal() {
  return Promise.all([import("@xterm/headless"), import("@xterm/addon-unicode11")]);
}

/** What a person would see of one shell: a terminal that is fed what the shell writes, and kept between reads. */
export class Screen {
  readonly #terminal: Terminal;
  readonly #turns = new Turns();
  readonly #places = new Map<number, Place>();
  /** The last place that was not a full-screen program's. */
  #lastPlace: Place = { marker: undefined, seen: "" };
  #position = 0;
  /** What the terminal was given and has perhaps not parsed yet. */
  #unparsedBytes = 0;
  /** What was read last, as long as nothing changes it. */
  #lastText: { readonly from: number; readonly text: string } | undefined;
  /** Whether anything was ever written so as not to be seen. */
  #hides = false;
  /** Whether what it shows begins after a part of the output that is kept no more. */
  #isCut = false;

  private constructor(terminal: Terminal) {
    this.#terminal = terminal;
    // The guest has answered by then: here, questions are only shown.
    terminal.parser.registerCsiHandler({ final: "m" }, (params) => {
      if (params.includes(concealed)) this.#hides = true;
      return false;
    });
  }

  static async open(size: TerminalSize): Promise<Screen> {
    const [{ default: xterm }, { default: unicode }] = await loadTerminal();
    const perLine = size.cols * cellBytes;
    const terminal = new xterm.Terminal({
      cols: size.cols,
      rows: size.rows,
      scrollback: Math.min(historyLinesMax, Math.floor(historyBytesMax / perLine)),
      allowProposedApi: true,
    });
    terminal.loadAddon(new unicode.Unicode11Addon());
    terminal.unicode.activeVersion = "11";
    return new Screen(terminal);
  }

  get position(): number {
    return this.#position;
  }

  /** Takes in all that the shell has written by now, and what completes a frame that is being drawn. */
  async catchUp(source: ShellSource): Promise<GuestShell> {
    using _turn = await this.#turns.take();
    const deadline = performance.now() + frameMsMax;
    for (;;) {
      const shell = await source.status();
      await this.#takeUpTo(shell, source);
      const leftMs = deadline - performance.now();
      if (!this.#terminal.modes.synchronizedOutputMode || shell.ending || leftMs <= 0) return shell;
      await source.changed(this.#position, leftMs);
    }
  }

  async #takeUpTo(shell: GuestShell, source: ShellSource): Promise<void> {
    const max = shell.nextPosition - this.#position;
    if (max > 0)
      for await (const event of source.output({ from: this.#position, max }))
        await this.#take(event);
    await this.#parse();
    this.#resize(shell);
  }

  async #take(event: ShellEvent): Promise<void> {
    switch (event.kind) {
      case "bytes":
        this.#position += event.bytes.length;
        this.#terminal.write(event.bytes);
        this.#unparsedBytes += event.bytes.length;
        if (this.#unparsedBytes > unparsedBytesMax) await this.#parse();
        return;
      case "position":
        if (event.lostBytes > 0) await this.#beginAnew();
        this.#position = event.position;
        return;
      case "size":
        await this.#parse();
        this.#resize(event.size);
        return;
      default:
        return;
    }
  }

  /** Waits until the terminal shows all that it was given. */
  async #parse(): Promise<void> {
    if (this.#unparsedBytes === 0) return;
    this.#unparsedBytes = 0;
    this.#lastText = undefined;
    await new Promise<void>((resolve) => this.#terminal.write("", resolve));
  }

  /** What came before is unknown, and half a sequence of it may be the next. */
  async #beginAnew(): Promise<void> {
    await this.#parse();
    this.#lastText = undefined;
    this.#terminal.reset();
    this.#places.clear();
    this.#lastPlace = { marker: undefined, seen: "" };
    this.#isCut = true;
  }

  #resize({ cols, rows }: TerminalSize): void {
    if (cols === this.#terminal.cols && rows === this.#terminal.rows) return;
    this.#lastText = undefined;
    this.#terminal.resize(cols, rows);
  }

  /** What a person would have read since `cursor`, a place where a reader stopped; of any other place, everything. */
  textSince(cursor: number): { readonly text: string; readonly isCut: boolean } {
    const buffer = this.#terminal.buffer.active;
    if (buffer.type === "alternate") return { text: linesOf(this.shown()), isCut: false };
    const place = this.#places.get(cursor);
    const line = place?.marker?.line ?? 0;
    // A marker whose row fell out of the history has no line any more.
    const isGone = place?.marker?.isDisposed === true;
    const text = this.#textFrom(Math.max(0, line));
    const isKnown = place !== undefined && !isGone;
    if (isKnown && cursor === this.#position) return { text: "", isCut: false };
    if (isKnown && text.startsWith(place.seen))
      return { text: text.slice(place.seen.length), isCut: false };
    return { text, isCut: isGone || this.#isCut || this.#hasScrolledOut(buffer) };
  }

  #textFrom(from: number): string {
    if (this.#lastText?.from !== from) {
      const buffer = this.#terminal.buffer.active;
      this.#lastText = { from, text: textBetween(buffer, { from, hides: this.#hides }) };
    }
    return this.#lastText.text;
  }

  /** What stands before that, or before the screen, as far as it matters to one who looks for what began there. */
  textBefore(mode: ReadMode, cursor: number): string {
    const buffer = this.#terminal.buffer.active;
    if (mode === "screen" || buffer.type === "alternate") return this.#textAbove(buffer.baseY);
    const place = this.#places.get(cursor);
    if (place?.marker === undefined || place.marker.isDisposed) return "";
    return `${this.#textAbove(place.marker.line)}${place.seen}`;
  }

  /** The rows down to the cursor, and what of its row stands before it. */
  textAtCursor(): string {
    const { baseY, cursorY, cursorX: to } = this.#terminal.buffer.active;
    const line = this.#terminal.buffer.active.getLine(baseY + cursorY);
    const begun = line === undefined ? "" : rowText(line, { to, hides: this.#hides });
    return `${this.#textAbove(baseY + cursorY)}${begun}`;
  }

  #textAbove(row: number): string {
    const buffer = this.#terminal.buffer.active;
    let text = "";
    for (let above = Math.max(0, row - rowsBefore); above < row; above++) {
      const line = buffer.getLine(above);
      const isWhole = buffer.getLine(above + 1)?.isWrapped === true;
      if (line === undefined) continue;
      const shown = rowText(line, { hides: this.#hides });
      text += isWhole ? shown : `${shown.trimEnd()}\n`;
    }
    return text;
  }

  #hasScrolledOut({ baseY }: IBuffer): boolean {
    return baseY >= (this.#terminal.options.scrollback ?? 0);
  }

  /** Lets a later reader go on from here. */
  keepPlace(): void {
    if (this.#places.has(this.#position)) return;
    if (this.#terminal.buffer.active.type === "normal") this.#lastPlace = this.#placeHere();
    this.#places.set(this.#position, this.#lastPlace);
    const [oldest] = this.#places;
    if (this.#places.size > placesMax && oldest !== undefined) this.#forgetPlace(...oldest);
  }

  #placeHere(): Place {
    const { baseY, cursorY, cursorX: to } = this.#terminal.buffer.active;
    const line = this.#terminal.buffer.active.getLine(baseY + cursorY);
    const seen = line === undefined ? "" : rowText(line, { to, hides: this.#hides });
    return { marker: this.#terminal.registerMarker(0), seen };
  }

  #forgetPlace(position: number, place: Place): void {
    this.#places.delete(position);
    // While a full-screen program runs, all places are the one before it.
    if (![...this.#places.values(), this.#lastPlace].includes(place)) place.marker?.dispose();
  }

  /** The rows as they stand now. */
  shown(): ShownScreen {
    const { cols, rows } = this.#terminal;
    const buffer = this.#terminal.buffer.active;
    const lines = Array.from({ length: rows }, (_, row) => {
      const line = buffer.getLine(buffer.baseY + row);
      const text = line === undefined ? "" : rowText(line, { hides: this.#hides });
      // Blanks at the end of a row that goes on in the next are a part of the text.
      return buffer.getLine(buffer.baseY + row + 1)?.isWrapped === true ? text : text.trimEnd();
    });
    return {
      cols,
      rows,
      lines,
      cursorRow: buffer.cursorY + 1,
      cursorColumn: Math.min(buffer.cursorX, cols - 1) + 1,
      isFullScreen: buffer.type === "alternate",
    };
  }
}

/** The rendition that shows nothing. */
const concealed = 8;

/** The rows as one text, without the blank ones at the end. */
export function linesOf({ lines }: Pick<ShownScreen, "lines">): string {
  return lines.join("\n").trimEnd();
}
