import { join } from "node:path";
import { InstalledPackages } from "../support/installed-packages.ts";

const packages = new InstalledPackages("pyro-test-conformance", {
  "@modelcontextprotocol/conformance": "0.2.0-alpha.12",
  "@modelcontextprotocol/inspector": "2.12.0",
});

/** Installs what is missing; 150 MB the first time. */
export async function installConformance(): Promise<void> {
  await packages.install();
}

/** The protocol's own test suite. */
export const conformanceProgram = join(
  packages.directory("@modelcontextprotocol/conformance"),
  "dist/index.js",
);

/** The protocol's own debugger; its command line. */
export const inspectorProgram = join(
  packages.directory("@modelcontextprotocol/inspector"),
  "clients/launcher/build/index.js",
);
