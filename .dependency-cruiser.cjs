// The folder rules of ARCHITECTURE.md. Arrows point one way; services are strangers to each other.
const services = [
  "project",
  "registry",
  "channel",
  "environments",
  "network",
  "drivers",
  "trees",
  "changes",
  "snapshots",
];
const only = (name, from, allowed) => ({
  name,
  severity: "error",
  from: { path: from },
  to: { path: "^src/", pathNot: allowed.map((folder) => `^src/${folder}`) },
});

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    only("model-imports-nothing", "^src/model/", ["model/"]),
    only("platform-below-services", "^src/platform/", ["platform/", "model/"]),
    ...services.map((folder) =>
      only(`${folder}-is-a-stranger-to-other-services`, `^src/${folder}/`, [
        `${folder}/`,
        "platform/",
        "model/",
      ]),
    ),
    only("workspace-sees-only-the-driver-contract", "^src/workspace/", [
      "workspace/",
      "registry/",
      "channel/",
      "environments/",
      "changes/",
      "snapshots/",
      "trees/",
      "network/",
      "drivers/driver\\.ts$",
      "platform/",
      "model/",
    ]),
    only("doctor-sees-only-contracts", "^src/doctor/", [
      "doctor/",
      "registry/",
      "environments/",
      "drivers/driver\\.ts$",
      "platform/",
      "model/",
    ]),
    only("integrations-use-the-sdk", "^src/integrations/", [
      "integrations/",
      "index\\.ts$",
      "platform/files\\.ts$",
    ]),
    only("front-doors-use-the-sdk", "^src/cli/", [
      "cli/",
      "mcp/",
      "integrations/",
      "index\\.ts$",
      "version\\.ts$",
      // Before anything else is loaded, so that all of it is kept.
      "platform/compile-cache\\.ts$",
      "platform/stream-events\\.ts$",
    ]),
    // The MCP server is part of what index.ts exports, so it takes the rest of the SDK from sdk.ts, mostly once a tool is called.
    only("mcp-is-made-of-the-sdk", "^src/mcp/", [
      "mcp/",
      "project/",
      "model/",
      "sdk\\.ts$",
      "version\\.ts$",
    ]),
    {
      name: "concrete-drivers-only-in-compose",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/compose(-supervisor)?\\.ts$", "^src/drivers/"] },
      to: { path: "^src/drivers/[^/]+/" },
    },
    {
      name: "no-undeclared-packages",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown", "npm-dev"] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
    },
  },
};
