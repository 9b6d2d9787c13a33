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
  "secrets",
];
const only = (name, from, allowed) => ({
  name,
  severity: "error",
  from: { path: from },
  to: { path: "^src/", pathNot: allowed.map((folder) => `^src/${folder}`) },
});

// What each room of the workspace rests on; nothing else of src/workspace.
const rooms = {
  machines: [],
  environments: ["machines"],
  records: [],
  screens: [],
  supervisor: ["machines", "records", "screens"],
  life: ["machines", "environments", "standby", "records", "supervisor"],
  network: ["records", "life", "supervisor"],
  secrets: ["records", "life", "supervisor"],
  vms: ["machines", "environments", "records", "life", "supervisor", "network", "secrets"],
  snapshots: ["records", "life"],
  disks: ["machines", "records", "life"],
  seed: ["machines", "environments", "records", "life", "secrets", "network"],
  tree: ["records", "life", "seed", "supervisor"],
  ports: ["records", "life", "supervisor"],
  services: ["machines", "records", "life", "supervisor", "network", "ports"],
  commands: ["machines", "life", "supervisor", "network"],
  shells: ["machines", "screens", "life", "network"],
  review: ["records", "life", "network", "snapshots", "supervisor", "tree", "shells"],
  names: ["records"],
  standby: ["machines", "environments"],
};

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    only("model-imports-nothing", "^src/model/", ["model/"]),
    only("platform-below-services", "^src/platform/", ["platform/", "model/"]),
    ...services.map((folder) =>
      only(`${folder}-is-a-stranger-to-other-services`, `^src/${folder}/(?!broker/)`, [
        `${folder}/`,
        "platform/",
        "model/",
      ]),
    ),
    // Hosts answer with the credentials that they were sent.
    only("the-broker-redacts", "^src/network/broker/", [
      "network/",
      "secrets/redaction\\.ts$",
      "platform/",
      "model/",
    ]),
    only("workspace-sees-only-the-driver-contract", "^src/workspace/", [
      "workspace/",
      "registry/",
      "channel/",
      "environments/",
      "changes/",
      "secrets/",
      "snapshots/",
      "trees/",
      "network/",
      "drivers/driver\\.ts$",
      "platform/",
      "model/",
    ]),
    ...Object.entries(rooms).map(([room, below]) => ({
      name: `workspace-${room}-rests-on-rooms-below`,
      severity: "error",
      from: { path: `^src/workspace/${room}/` },
      to: {
        path: "^src/workspace/",
        pathNot: [room, ...below].map((name) => `^src/workspace/${name}/`),
      },
    })),
    {
      name: "every-file-of-the-workspace-has-a-room",
      severity: "error",
      from: {},
      to: {
        path: "^src/workspace/",
        pathNot: Object.keys(rooms).map((name) => `^src/workspace/${name}/`),
      },
    },
    only("doctor-sees-only-contracts", "^src/doctor/", [
      "doctor/",
      "registry/",
      "environments/",
      "drivers/driver\\.ts$",
      "network/proxies/",
      "platform/",
      "model/",
    ]),
    only("integrations-use-the-sdk", "^src/integrations/", [
      "integrations/",
      "index\\.ts$",
      "platform/files\\.ts$",
    ]),
    only("a-preloaded-command-line-is-handed-to-the-cli", "^src/preloaded/", [
      "preloaded/",
      "cli/io\\.ts$",
      "platform/",
      "model/",
    ]),
    only("front-doors-use-the-sdk", "^src/cli/", [
      "cli/",
      "mcp/",
      "integrations/",
      "index\\.ts$",
      "version\\.ts$",
      // The little of the SDK that completion needs.
      "known-names\\.ts$",
      "preloaded\\.ts$",
      // Before anything else is loaded, so that all of it is kept.
      "platform/compile-cache\\.ts$",
      // Of the process that an MCP server is.
      "platform/spare-memory\\.ts$",
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
