/**
 * What a guest writes on its way to a person's terminal: text and what draws. Kept away is everything that makes a terminal
 * type (questions, reports), and what reaches beyond its screen (the clipboard, titles, windows, device strings). It is a list of what
 * passes: what nobody has thought of does not. The guest has its questions answered by its own agent.
 */
export class TerminalFilter {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #state: "text" | "escape" | "control" | "string" = "text";
  /** What has come of a sequence; empty once it is too long to be one that passes. */
  #sequence = "";
  #isLink = false;
  /** The modes that programs changed, by their set form, and what undoes them. */
  readonly #changed = new Map<string, string>();

  /** What of the bytes may be shown. */
  pass(bytes: Uint8Array): string {
    let passed = "";
    for (const character of this.#decoder.decode(bytes, { stream: true }))
      passed += this.#take(character);
    return passed;
  }

  /** What makes the terminal a person's own again. */
  restore(): string {
    this.#state = "text";
    const modes = [...this.#changed.values()].join("");
    this.#changed.clear();
    // Whole screen scrolls, colours and characters as usual, the cursor shown where it is.
    return `${modes}\u001b7\u001b[r\u001b8\u001b[0m\u001b(B\u000f\u001b[?25h\u001b>\u001b]8;;\u001b\\`;
  }

  #take(character: string): string {
    const code = character.codePointAt(0) ?? 0;
    if (code === cancel || code === substitute) return this.#begin("text");
    if (code === escapeCode) return this.#endString() + this.#begin("escape");
    // A C1 control is short for an escape sequence, and is taken as one.
    if (code >= 0x80 && code <= 0x9f)
      return (
        this.#endString() + this.#begin("escape") + this.#take(String.fromCharCode(code - 0x40))
      );
    if (this.#state === "text")
      return code >= 0x20 ? textOf(code, character) : controlOf(code, character);
    if (this.#state === "string") return this.#takeString(code, character);
    if (code < 0x20) return controlOf(code, character);
    this.#collect(character);
    return this.#state === "escape" ? this.#takeEscape(character) : this.#takeControl(code);
  }

  #begin(state: "text" | "escape"): string {
    this.#state = state;
    this.#sequence = "";
    return "";
  }

  #collect(character: string): void {
    if (this.#sequence.length < sequenceLengthMax) this.#sequence += character;
  }

  #takeEscape(character: string): string {
    if (character >= " " && character <= "/") return "";
    if (this.#sequence === "[") {
      this.#state = "control";
      this.#sequence = "";
      return "";
    }
    if (/^[\]PX^_]$/.test(this.#sequence)) {
      this.#state = "string";
      this.#isLink = this.#sequence === "]";
      this.#sequence = "";
      return "";
    }
    const sequence = this.#sequence;
    this.#begin("text");
    return allowedEscapes.test(sequence) ? `\u001b${sequence}` : "";
  }

  #takeControl(code: number): string {
    if (code < 0x40 || code > 0x7e) return "";
    const sequence = this.#sequence;
    this.#begin("text");
    const mode = modeSequence.exec(sequence);
    if (mode !== null) return this.#passModes(mode[1] ?? "", mode[2] ?? "", mode[3] ?? "");
    return allowedControls.test(sequence) ? `\u001b[${sequence}` : "";
  }

  #passModes(prefix: string, numbers: string, final: string): string {
    const allowed = prefix === "?" ? privateModes : publicModes;
    const passing = numbers.split(";").filter((number) => allowed.has(number));
    for (const number of passing) {
      const usual = usuallySet.has(`${prefix}${number}`) ? "h" : "l";
      const name = `${prefix}${number}`;
      if (final === usual) this.#changed.delete(name);
      else this.#changed.set(name, `\u001b[${name}${usual}`);
    }
    return passing.map((number) => `\u001b[${prefix}${number}${final}`).join("");
  }

  #takeString(code: number, character: string): string {
    if (code === bell) return this.#endString() + this.#begin("text");
    if (code >= 0x20) this.#collect(character);
    return "";
  }

  /** Of all strings, only links to the web pass. */
  #endString(): string {
    if (this.#state !== "string" || !this.#isLink) return "";
    return link.test(this.#sequence) ? `\u001b]${this.#sequence}\u001b\\` : "";
  }
}

const cancel = 0x18;
const substitute = 0x1a;
const escapeCode = 0x1b;
const bell = 0x07;
const sequenceLengthMax = 2048;

/** Characters of one's own screen: bell, backspace, tab, line ends, and the other set of characters. */
const controls = new Set([bell, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f]);

function controlOf(code: number, character: string): string {
  return controls.has(code) ? character : "";
}

function textOf(code: number, character: string): string {
  return code === 0x7f ? "" : character;
}

/** Save and restore, line movements, keypad, character sets, alignment, full reset. */
const allowedEscapes = /^([78DEHMc=>]|[()*+][0-9A-Za-z]|#8)$/;

/** Cursor movement, erasing, inserting, deleting, scrolling, repeating, tabs, colours, margins, cursor's shape, soft reset. */
const allowedControls = /^([\d;:]*[A-GHIJKLMPSTXZ@`abdefgmrsu]|\?[\d;]*[JK]|\d* q|!p)$/;

const modeSequence = /^(\??)([\d;]*)([hl])$/;
/** Insert, and line feeds that return. */
const publicModes = new Set(["4", "20"]);
/** Those that are about the screen, and those that make a person's own keys and mouse known as programs want them. */
const privateModes = new Set(
  "1 3 5 6 7 12 25 45 47 69 1000 1002 1003 1004 1005 1006 1015 1047 1048 1049 2004 2026 2027".split(
    " ",
  ),
);
const usuallySet = new Set(["?7", "?25"]);

const link = /^8;[^;]*;(https?:\/\/[\u0021-\u007e]*)?$/;
