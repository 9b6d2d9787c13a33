import { defineConfig } from "rolldown";

// One bundle for the command line and the SDK: start-up reads a few files instead of hundreds.
export default defineConfig({
  input: { cli: "src/cli/entry.ts", index: "src/index.ts" },
  platform: "node",
  output: {
    dir: "dist",
    format: "esm",
    cleanDir: false,
    chunkFileNames: "chunks/[name]-[hash].js",
    minify: "dce-only",
  },
  treeshake: true,
});
