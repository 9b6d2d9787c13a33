import type { ArgumentGrammar, CommandGrammar, OptionGrammar } from "./grammar.ts";
import type { ValueKind } from "./value-kinds.ts";

/** One way to go on: the whole word, and what it is. */
export interface Candidate {
  readonly value: string;
  readonly summary?: string;
  /** Whether it is another word for one that is offered, and only said when it is begun. */
  readonly isAlternative?: boolean;
}

/** Names that there are at this moment. */
export interface NameSource {
  /** `workspace` is what the line says so far; absent where the line names none. */
  names(kind: ValueKind, workspace: string | undefined): Promise<readonly Candidate[]>;
}

/** What may stand where the last of `words` does. Files of this host are left to the shell that asks. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly paths?: "file" | "directory";
}

const nothing: Completion = { candidates: [] };

export async function complete(
  program: CommandGrammar,
  words: readonly string[],
  source: NameSource,
): Promise<Completion> {
  const place = new Place(program);
  for (const word of words.slice(0, -1)) place.read(word);
  const current = words.at(-1) ?? "";
  if (place.isLost) return nothing;
  const { command, given, workspace } = place;
  if (place.option?.value !== undefined)
    return await fill(place.option.value, { current, workspace, source });
  const assigned = /^(--[^=]+)=(.*)$/s.exec(current);
  if (assigned && !place.isAfterDashes) {
    const [, flag = "", value = ""] = assigned;
    const option = command.options.find(({ flags }) => flags.includes(flag));
    if (option?.value === undefined) return nothing;
    const filled = await fill(option.value, { current: value, workspace, source });
    return { ...filled, candidates: filled.candidates.map((one) => prefixed(`${flag}=`, one)) };
  }
  if (current.startsWith("-") && !place.isAfterDashes) return optionsOf(place, current);
  const slot = argumentAt(command, given.length);
  if (slot !== undefined) return await fill(slot, { current, workspace, source, given });
  const commands = command.commands.map(({ names: [value = ""], summary }) => ({ value, summary }));
  if (commands.length > 0) return { candidates: startingWith(current, commands) };
  return current === "" && !place.isAfterDashes ? optionsOf(place, "--") : nothing;
}

/** Where a command line has come to, word by word. */
class Place {
  command: CommandGrammar;
  /** Arguments of the command, without options. */
  readonly given: string[] = [];
  readonly flags: string[] = [];
  /** The option whose value comes next. */
  option: OptionGrammar | undefined;
  isAfterDashes = false;
  /** Whether it says what no command takes, or goes on with words of the guest. */
  isLost = false;

  constructor(program: CommandGrammar) {
    this.command = program;
  }

  get workspace(): string | undefined {
    return this.given[this.command.arguments.findIndex(({ kind }) => kind === "workspace")];
  }

  read(word: string): void {
    if (this.option !== undefined) this.option = undefined;
    else if (this.isAfterDashes || !/^-./.test(word)) this.#readArgument(word);
    else if (word === "--") this.isAfterDashes = true;
    else this.#readOption(word);
  }

  #readOption(word: string): void {
    const [flag = ""] = word.split("=");
    const option = this.command.options.find(({ flags }) => flags.includes(flag));
    this.flags.push(...(option?.flags ?? []));
    if (option?.value !== undefined && !word.includes("=")) this.option = option;
  }

  #readArgument(word: string): void {
    const next = this.command.commands.find(({ names }) => names.includes(word));
    if (next !== undefined) {
      this.command = next;
      return;
    }
    const slot = argumentAt(this.command, this.given.push(word) - 1);
    this.isLost ||= slot === undefined || slot.kind === "guest-command";
  }
}

function argumentAt(
  { arguments: slots }: CommandGrammar,
  index: number,
): ArgumentGrammar | undefined {
  const last = slots.at(-1);
  return slots[index] ?? (last?.variadic ? last : undefined);
}

function optionsOf({ command, flags }: Place, current: string): Completion {
  const left = command.options.filter(
    (option) => option.repeatable || !option.flags.some((flag) => flags.includes(flag)),
  );
  const candidates = left.map((option) => ({
    value: option.flags.at(-1) ?? "",
    summary: option.summary,
  }));
  return { candidates: startingWith(current, candidates) };
}

interface Filling {
  readonly current: string;
  readonly workspace: string | undefined;
  readonly source: NameSource;
  readonly given?: readonly string[];
}

async function fill(
  { kind, choices, variadic }: ArgumentGrammar,
  { current, workspace, source, given = [] }: Filling,
): Promise<Completion> {
  if (choices !== undefined)
    return {
      candidates: startingWith(
        current,
        choices.map((value) => ({ value })),
      ),
    };
  if (kind === undefined || kind === "guest-command") return nothing;
  if (kind === "file" || kind === "directory") return { candidates: [], paths: kind };
  const names = await source.names(kind, workspace);
  const offered = names.filter(({ isAlternative }) => current !== "" || !isAlternative);
  const found = startingWith(current, offered);
  // One of several needs not be said twice.
  return { candidates: variadic ? found.filter(({ value }) => !given.includes(value)) : found };
}

function startingWith(current: string, candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(current));
}

function prefixed(prefix: string, { value, ...rest }: Candidate): Candidate {
  return { value: `${prefix}${value}`, ...rest };
}
