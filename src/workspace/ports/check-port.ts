import { wholeNumber } from "../../model/machine-options.ts";
import type { PortToPublish } from "../../model/service-definition.ts";

/** What to publish, if there are such ports. */
export function checkPort({ guestPort, hostPort = 0 }: PortToPublish): Required<PortToPublish> {
  const max = 65_535;
  return {
    guestPort: wholeNumber({ name: "guestPort", value: guestPort, min: 1, max }),
    hostPort: wholeNumber({ name: "hostPort", value: hostPort ?? 0, min: 0, max }),
  };
}
