/** Leaves out that a built-in module is experimental: nothing that a user could mend. Said here because older Nodes refuse the option. */
export function hideExperimentalWarnings(): void {
  const printers = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") for (const print of printers) print(warning);
  });
}
