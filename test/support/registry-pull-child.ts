// One pull in a process of its own: arguments are the reference, its HOST:PORT and the cache.
import { pullImage } from "../../src/environments/oci/pull-image.ts";

const [reference = "", host = "", cacheDirectory = ""] = process.argv.slice(2);
const pulled = await pullImage(reference, {
  cacheDirectory,
  authFile: "/nonexistent/config.json",
  insecureRegistries: [host],
  onProgress: ({ detail }) => console.log(detail),
});
console.log(`done ${pulled.layers.map(({ digest }) => digest).join(" ")}`);
