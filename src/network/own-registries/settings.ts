import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";

/** Of one file; what is longer is no configuration that anybody wrote. */
const fileBytesMax = 256 * 1024;
/** Of a directory of fragments. */
const filesMax = 64;

/** Where package managers look for their settings. */
export interface SettingsPlace {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Base of the user's configuration: `$XDG_CONFIG_HOME`, else `~/.config`. */
  readonly config: string;
  /** The system's configuration: `/etc`. */
  readonly etc: string;
}

/** A file's text; empty for what is absent, no plain file, too long or not to be read. */
export function settingsText(path: string): string {
  let file: number | undefined;
  try {
    // A pipe without a writer must not keep us waiting.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = fstatSync(file);
    if (!fstatSync(file).isFile() || size > fileBytesMax) return "";
    const buffer = Buffer.alloc(size);
    return buffer.toString("utf8", 0, readSync(file, buffer, 0, size, 0));
  } catch {
    return "";
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The texts of the files in `directory` whose names end in `extension`. */
export function settingsTexts(directory: string, extension: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith(extension));
    return names
      .sort()
      .slice(0, filesMax)
      .map((name) => settingsText(join(directory, name)));
  } catch {
    return [];
  }
}

/** One setting with all lines of its value. */
export interface Setting {
  readonly key: string;
  readonly value: string;
}

/**
 * The settings of a file of `key = value` or `key: value` lines, whatever their section; indented lines go on with the value above, as
 * Python's and Debian's formats have it. An empty line is a setting without a key.
 */
export function settingsIn(text: string): Setting[] {
  const settings: { key: string; value: string }[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*[#;]/.test(line)) continue;
    const last = settings.at(-1);
    if (/^\s+\S/.test(line) && last !== undefined) {
      last.value += ` ${line.trim()}`;
      continue;
    }
    const at = line.startsWith("@") ? line.indexOf("=") : line.search(/[=:]/);
    if (at < 0) settings.push({ key: "", value: "" });
    else settings.push({ key: line.slice(0, at).trim(), value: unquoted(line.slice(at + 1)) });
  }
  return settings;
}

export function unquoted(text: string): string {
  const bare = text.trim();
  const quote = bare[0];
  if ((quote !== '"' && quote !== "'") || bare.length < 2 || !bare.endsWith(quote)) return bare;
  return bare.slice(1, -1);
}

/** `text` with `${NAME}` and `${NAME-instead}` replaced, as npm and Yarn do it. */
export function withVariables(text: string, { environment }: SettingsPlace): string {
  return text.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*))?\}/g,
    (_whole, name: string, instead = "") => environment[name] || instead,
  );
}

/** What the first of `names` that is set holds, whatever case it is written in. */
export function variable({ environment }: SettingsPlace, ...names: readonly string[]): string {
  for (const name of names) {
    const value = environment[name] || environment[name.toLowerCase()];
    if (value) return value;
  }
  return "";
}
