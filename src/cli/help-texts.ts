import { type Command, Help, type Option } from "commander";

const plain = new Help();

/** How every command's help reads. */
export const helpTexts = {
  // Names alone: with their arguments there is no room left to say what they do.
  subcommandTerm: (one: Command) => [one.name(), ...one.aliases()].join(", "),
  // That a switch is off unless it is given goes without saying.
  optionDescription: (option: Option) =>
    plain.optionDescription(option.defaultValue === false ? withoutDefault(option) : option),
} satisfies Partial<Help>;

function withoutDefault(option: Option): Option {
  return Object.create(option, { defaultValue: { value: undefined } });
}
