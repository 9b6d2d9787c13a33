// The folder rules of ARCHITECTURE.md. Arrows point one way; services are strangers to each other.
const services = ["registry", "channel", "environments", "network", "drivers"];
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
    only("front-doors-use-the-sdk", "^src/(cli|mcp|integrations)/", [
      "cli/",
      "mcp/",
      "integrations/",
      "index\\.ts$",
      "version\\.ts$",
    ]),
    {
      name: "concrete-drivers-only-in-compose",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/compose\\.ts$", "^src/drivers/"] },
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
