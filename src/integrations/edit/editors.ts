import type { Format } from "../agent.ts";
import type { Editor } from "./editor.ts";
import { jsonEditor } from "./json-editor.ts";
import { tomlEditor } from "./toml-editor.ts";

export const editors: Readonly<Record<Format, Editor>> = {
  json: jsonEditor("json"),
  jsonc: jsonEditor("jsonc"),
  toml: tomlEditor,
};
