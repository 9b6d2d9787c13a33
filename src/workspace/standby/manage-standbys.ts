import { cpuFor } from "../../environments/store.ts";
import { limits } from "../../model/limits.ts";
import { machineSize, type SizeOptions, wholeNumber } from "../../model/machine-options.ts";
import type { StandbyEnded, StandbyStatus } from "../../model/standby-results.ts";
import { ensureEnvironment } from "../environments/ensure-environment.ts";
import type { Host, WorkOptions } from "../machines/host.ts";
import type { Standby } from "../machines/standbys.ts";
import { describeCommandLine, endCommandLine } from "./command-line.ts";
import { keepStandbys } from "./keep-standbys.ts";
import { userKeeper } from "./refill-standbys.ts";
import { costOf, endOf } from "./standby-cost.ts";
import {
  defaultSettings,
  forgetSettings,
  readSettings,
  writeSettings,
} from "./standby-settings.ts";

export interface KeepStandbysOptions extends WorkOptions, SizeOptions {
  /** Catalog name or image reference; installed first when missing. Default: what commands ask for, `debian:12` to begin with. */
  readonly environment?: string | undefined;
  /** How many machines wait. Default 1. */
  readonly count?: number | undefined;
  /** How long one waits that nobody claims. Default 15. */
  readonly idleMinutes?: number | undefined;
}

const firstEnvironment = "debian:12";

/** From now on a machine waits for whoever asks for one like it, and commands have another one made ready after they took it. */
export async function turnStandbysOn(
  host: Host,
  options: KeepStandbysOptions = {},
): Promise<Pick<StandbyStatus, "heldBack">> {
  const { environment, count = defaultSettings.count, idleMinutes = 15, signal } = options;
  wholeNumber({ name: "count", value: count, min: 1, max: limits.standbyCountMax });
  wholeNumber({
    name: "idleMinutes",
    value: idleMinutes,
    min: 1,
    max: limits.standbyIdleMinutesMax,
  });
  const size = machineSize(options, host.memMib);
  host.prepareDirectories();
  const { image } = await ensureEnvironment(host, environment ?? firstEnvironment, options);
  const spec = { ...size, environment: image.environment, cpu: cpuFor(image, size.cpu) };
  const idleSeconds = idleMinutes * 60;
  options.onProgress?.({ step: "starting" });
  const keep = { spec, count, idleSeconds, keeper: userKeeper, signal };
  const heldBack = await keepStandbys(host, keep);
  await writeSettings(host.standbys, { environment: environment ?? null, count, idleSeconds });
  return { heldBack };
}

/** Ends every machine that waits, whoever keeps it, and has none made ready any more. */
export async function turnStandbysOff(host: Host): Promise<StandbyEnded> {
  await forgetSettings(host.standbys);
  await endCommandLine(host.standbys);
  const endedCount = await host.standbys.endWaiting(() => true);
  await host.standbys.sweep();
  return { endedCount };
}

/** What waits, and what it costs. */
export async function standbyStatus(host: Host): Promise<StandbyStatus> {
  await host.standbys.sweep();
  const settings = await readSettings(host.standbys);
  return {
    isOn: settings !== undefined,
    environment: settings?.environment ?? null,
    count: settings?.count ?? 0,
    idleMinutes: Math.round((settings ?? defaultSettings).idleSeconds / 60),
    heldBack: null,
    standbys: host.standbys.list().map(describe),
    commandLine: describeCommandLine(host.standbys),
  };
}

function describe({ record }: Standby): StandbyStatus["standbys"][number] {
  const { environment, vcpuCount, memMib, cpu, keeper, readyAt } = record;
  return {
    ...{ environment, vcpuCount, memMib, cpu, keeper, readyAt },
    endsAt: endOf(record),
    ...costOf(record.process, record),
  };
}
