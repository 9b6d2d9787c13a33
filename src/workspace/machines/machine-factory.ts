import type { Adopt, BootFiles, Driver, Machine } from "../../drivers/driver.ts";
import type { DiskContent } from "../../environments/disk-content.ts";
import type { ImageStore } from "../../environments/store.ts";
import type { TemplateStore } from "../../environments/templates.ts";
import type { Trace } from "../../platform/trace.ts";
import type { Standbys, StandbyWanted } from "./standbys.ts";

/** What starting machines needs. */
export interface MachineFactory {
  readonly driver: Driver;
  readonly boot: BootFiles;
  /** The empty disk; read only by those who need one. */
  readonly blank: () => Promise<DiskContent>;
  readonly images: ImageStore;
  readonly templates: TemplateStore;
  /** Machines that wait for somebody to claim them. */
  readonly standbys: Standbys;
  /** Takes such a machine over. */
  readonly adopt: (driver: string, ...machine: Parameters<Adopt>) => Machine;
  /** Told what was wanted, for whoever keeps another one like it. */
  readonly onWanted: (wanted: StandbyWanted) => void;
  readonly trace: Trace;
}
