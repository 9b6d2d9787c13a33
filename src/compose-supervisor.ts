import type { Machine } from "./drivers/driver.ts";
import { adoptHostCompatMachine } from "./drivers/host-compat/host-compat.ts";
import { adoptQemuMachine } from "./drivers/qemu/qemu-machine.ts";
import { PyroError } from "./model/errors.ts";
import type { ProcessIdentity } from "./platform/processes.ts";

type Adopt = (identity: ProcessIdentity, directory: string) => Machine;

const adopters: Readonly<Record<string, Adopt>> = {
  qemu: adoptQemuMachine,
  "host-compat": adoptHostCompatMachine,
};

/** How a driver's running machines are taken over. Apart from compose.ts, because a supervisor starts none and must stay small. */
export function adopterOf(driver: string): Adopt {
  const adopt = adopters[driver];
  if (adopt !== undefined) return adopt;
  throw new PyroError("not_supported", `This pyro has no driver "${driver}".`, {
    hint: "Use the pyro that created the workspace.",
  });
}
