import { compose } from "../../src/compose.ts";
import { catalogEnv } from "../../src/environments/catalog.ts";
import { startMmdebstrap } from "../../src/environments/debian/mmdebstrap.ts";
import { imageId } from "../../src/environments/store.ts";
import { readConfig } from "../../src/platform/config.ts";
import { acquireLock } from "../../src/platform/lock.ts";
import { buildImage } from "../../src/workspace/environments/build-image.ts";
import type { PyroHome } from "./home.ts";

const suite = "trixie";

/** Makes an environment of Debian with these packages, once in the life of a cache; answers its name. */
export async function environmentWith(home: PyroHome, packages: readonly string[]) {
  const recipe = imageId([suite, ...packages]).slice(0, 16);
  const environment = `localhost/programs:${recipe}`;
  const { host } = compose(readConfig(home.env));
  await host.images.prepare();
  using _lock = await acquireLock(host.images.lockPath(environment));
  if ((await host.images.find(environment)) !== undefined) return environment;
  const factory = await host.machineFactory();
  const tool = startMmdebstrap({ suite, variant: "minbase", packages, config: host.config });
  // Where reading it ends early, that is what failed.
  tool.done.catch(() => undefined);
  await using draft = await host.images.draft();
  const open = async function* () {
    yield* tool.stdout as AsyncIterable<Buffer>;
    await tool.done;
  };
  const layers = [{ name: "The archive of Debian's packages", open }];
  const built = await buildImage({ ...factory, diskPath: draft.diskPath, layers });
  const createdAt = new Date().toISOString();
  await draft.publish({
    id: imageId([environment, createdAt]),
    environment,
    source: { kind: "debian", suite, recipe },
    config: {
      env: catalogEnv,
      workingDirectory: undefined,
      user: undefined,
      entrypoint: undefined,
      command: undefined,
    },
    createdAt,
    entryCount: built.entryCount,
    usedBytes: built.usedBytes,
  });
  return environment;
}
