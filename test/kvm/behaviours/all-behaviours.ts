import type { Behaviour } from "../behaviour.ts";
import { commands } from "./commands.ts";
import { ends } from "./ends.ts";
import { hosts } from "./hosts.ts";
import { machines } from "./machines.ts";
import { programs } from "./programs.ts";
import { trees } from "./trees.ts";
import { walls } from "./walls.ts";

/** The rows of the table, in the order in which they are tried. */
export const allBehaviours: readonly Behaviour[] = [
  ...machines,
  ...commands,
  ...trees,
  ...programs,
  ...walls,
  ...hosts,
  ...ends,
];

/** Those whose name has this text in it; all where it is empty. */
export function behavioursWith(text: string): readonly Behaviour[] {
  return allBehaviours.filter(({ name }) => name.includes(text));
}
