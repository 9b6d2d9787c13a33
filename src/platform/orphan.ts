import { type ChildProcess, spawn } from "node:child_process";

/**
 * What a command line begins with so that its process becomes nobody's descendant and its own session's leader, and leaves no file of what it
 * has in memory should it crash: supervisors and machines hold secrets there.
 */
export const orphaning = ["prlimit", "--core=0", "setsid", "--fork"] as const;

/**
 * Starts a program in that way, away from our directory and waited for by nobody. Its absence shows in what it was to do: that it cannot
 * be started is no error.
 */
export function startOrphan(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  stdio: "ignore" | readonly ("ignore" | "pipe" | number)[] = "ignore",
): ChildProcess {
  const [starter, ...args] = orphaning;
  const child = spawn(starter, [...args, ...command], {
    cwd: "/",
    env,
    stdio: stdio === "ignore" ? stdio : [...stdio],
  });
  child.on("error", () => undefined);
  child.unref();
  return child;
}
