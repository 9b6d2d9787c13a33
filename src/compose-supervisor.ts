import type { Adopt } from "./drivers/driver.ts";
import { adoptFirecrackerMachine } from "./drivers/firecracker/firecracker-machine.ts";
import { adoptHostCompatMachine } from "./drivers/host-compat/host-compat.ts";
import { adoptQemuMachine } from "./drivers/qemu/qemu-machine.ts";
import { PyroError } from "./model/errors.ts";

const adopters: Readonly<Record<string, Adopt>> = {
  qemu: adoptQemuMachine,
  firecracker: adoptFirecrackerMachine,
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
