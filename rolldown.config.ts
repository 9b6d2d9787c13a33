import { defineConfig } from "rolldown";

// One bundle for the command line, the SDK and the supervisor: start-up reads a few files instead of hundreds.
export default defineConfig({
  input: { cli: "src/cli/entry.ts", index: "src/index.ts", supervisor: "src/supervisor.ts" },
  platform: "node",
  // Its main file is UMD, which no bundler can look into.
  resolve: { alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" } },
  output: {
    dir: "dist",
    format: "esm",
    cleanDir: false,
    chunkFileNames: "chunks/[name]-[hash].js",
    minify: "dce-only",
  },
  treeshake: true,
});
