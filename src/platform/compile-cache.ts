import module from "node:module";
import { join } from "node:path";
import { readConfig } from "./config.ts";
import { checkPrivateDirectory, ensurePrivateDirectory } from "./directories.ts";

/**
 * Keeps compiled code between processes; without it a fifth of a short run is parsing. It is kept in a directory that is
 * ours alone: V8 runs what it finds there without asking who wrote it, and Node's own choice is a directory
 * of the shared temporary one. Where there is none yet, or none that can be used, nothing is kept: starting alone leaves no trace.
 */
export function keepCompiledCode(): void {
  try {
    const { cacheDirectory } = readConfig();
    checkPrivateDirectory(cacheDirectory);
    const directory = join(cacheDirectory, "compile-cache");
    ensurePrivateDirectory(directory);
    module.enableCompileCache(directory);
  } catch {
    // What is wrong with the place is told by whoever cannot do without it.
  }
}
