// Claims machines of a key until there are none, and prints whose turn each was.
import { basename } from "node:path";
import { Standbys } from "../../src/workspace/machines/standbys.ts";

const [state = "", key = ""] = process.argv.slice(2);
const standbys = new Standbys(state);
for (;;) {
  const held = await standbys.claim(key);
  if (held === undefined) break;
  console.log(basename(held.directory).split(".")[0]);
}
