// What the command line completes: a part of its own, so that pressing Tab loads nothing that runs machines.
export { visibleText } from "./model/text.ts";
export { readConfig } from "./platform/config.ts";
export type { KnownName } from "./workspace/names/known-name.ts";
export { KnownNames } from "./workspace/names/known-names.ts";
