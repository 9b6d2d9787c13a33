import { defineConfig, type Plugin } from "rolldown";

// One bundle for the command line, the SDK, the supervisor and what makes standbys: start-up reads a few files instead of hundreds.
export default defineConfig({
  plugins: [escapeBeyondLatin1()],
  input: {
    cli: "src/cli/entry.ts",
    index: "src/index.ts",
    supervisor: "src/supervisor.ts",
    standby: "src/standby.ts",
  },
  platform: "node",
  // Its main file is UMD, which no bundler can look into.
  resolve: { alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" } },
  output: {
    dir: "dist",
    format: "esm",
    cleanDir: false,
    chunkFileNames: "chunks/[name]-[hash].js",
    minify: "dce-only",
    // Every process keeps the text of what it loads, comments as well.
    comments: { legal: true, annotation: false, jsdoc: false },
    codeSplitting: {
      // Each file costs a start 0.4 ms of its processor, so that code is split only where somebody starts without the rest.
      groups: [
        {
          // Everybody loads it, an MCP server before its first call. Left out is what needs zod or tar-stream.
          name: "common",
          test: /\/src\/(platform\/(?!sparse-file)|model\/(?!\S*(results|result-fields|wire|declarations)))[^/]+\.ts$/,
          priority: 5,
        },
        {
          // What is remembered: pressing Tab looks into it, and so does every supervisor.
          name: "registry",
          test: /\/src\/(registry\/(?!journal|connections|adopt)|secrets\/(?!live)|workspace\/records\/(workspace-files|kept-secrets)\.ts$)/,
          priority: 4,
        },
        {
          // What is installed, which nobody but an engine and Tab asks for.
          name: "installed",
          test: /\/src\/environments\/(catalog|store)\.ts$/,
          priority: 4,
        },
        {
          // What makes certificates, which nobody needs who has no credentials.
          name: "certificates",
          test: /\/(src\/network\/broker\/certificates\.ts$|node_modules\/(@peculiar|asn1js|pvtsutils|pvutils|tslib)\/)/,
          priority: 4,
        },
        {
          // All that pressing Tab loads.
          name: "names",
          test: /\/src\/known-names\.ts$/,
          priority: 3,
        },
        {
          // Each with everything that it imports.
          name: "supervisor",
          test: /\/src\/(compose-supervisor|workspace\/supervisor\/(supervise|await-order))\.ts$/,
          priority: 2,
        },
        { name: "engine", test: /\/src\/pyro\.ts$/, priority: 1 },
      ],
    },
  },
  treeshake: true,
});

/** One character beyond Latin-1 doubles what the text of a whole file takes in memory. */
function escapeBeyondLatin1(): Plugin {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return {
    name: "escape-beyond-latin-1",
    generateBundle(_options, bundle) {
      for (const chunk of Object.values(bundle))
        if (chunk.type === "chunk") chunk.code = chunk.code.replaceAll(/[^\0-\xff]/g, escaped);
    },
  };
}
