import type { Argument, Command, Option } from "commander";
import { hostMeaning } from "../host-arguments.ts";
import { kindOfArgument, kindOfOption, type ValueKind } from "./value-kinds.ts";

/** What may stand in one place of a command line. */
export interface Slot {
  readonly kind?: ValueKind;
  readonly choices?: readonly string[];
}

export interface ArgumentGrammar extends Slot {
  readonly variadic?: true;
}

export interface OptionGrammar {
  /** All its spellings. */
  readonly flags: readonly string[];
  readonly summary: string;
  /** Absent when it takes none. */
  readonly value?: Slot;
  /** Whether it may be given several times. */
  readonly repeatable?: true;
}

/** What may follow a command, as it is kept for the moment somebody presses Tab. */
export interface CommandGrammar {
  /** The name that people see first, then the others. */
  readonly names: readonly string[];
  readonly summary: string;
  readonly commands: readonly CommandGrammar[];
  readonly options: readonly OptionGrammar[];
  readonly arguments: readonly ArgumentGrammar[];
}

export function grammarOf(command: Command): CommandGrammar {
  const options = command.options.filter(({ hidden }) => !hidden).map(optionGrammar);
  return {
    names: [command.name(), ...command.aliases()],
    summary: command.summary() || command.description(),
    commands: command.commands.map(grammarOf),
    options: [...options, { flags: ["-h", "--help"], summary: "display help for command" }],
    arguments: command.registeredArguments.map((argument) => argumentGrammar(command, argument)),
  };
}

function optionGrammar(option: Option): OptionGrammar {
  const takesValue = option.required || option.optional;
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    summary: option.description,
    ...(takesValue && { value: slot(kindOfOption(option), option.argChoices) }),
    ...(/\(repeatable\)/.test(option.description) && { repeatable: true }),
  };
}

function argumentGrammar(command: Command, argument: Argument): ArgumentGrammar {
  const isAgent = argument.description.startsWith(hostMeaning);
  const choices = isAgent ? hostMeaning.split(/, | or /) : argument.argChoices;
  return {
    ...slot(choices ? undefined : kindOfArgument(command, argument.name()), choices),
    ...(argument.variadic && { variadic: true }),
  };
}

function slot(kind: ValueKind | undefined, choices: readonly string[] | undefined): Slot {
  return { ...(kind && { kind }), ...(choices && { choices }) };
}
