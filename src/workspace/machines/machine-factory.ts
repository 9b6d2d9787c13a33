import type { BootFiles, Driver } from "../../drivers/driver.ts";
import type { DiskContent } from "../../environments/disk-content.ts";
import type { ImageStore } from "../../environments/store.ts";
import type { TemplateStore } from "../../environments/templates.ts";
import type { Trace } from "../../platform/trace.ts";

/** What starting machines needs. */
export interface MachineFactory {
  readonly driver: Driver;
  readonly boot: BootFiles;
  /** The empty disk; read only by those who need one. */
  readonly blank: () => Promise<DiskContent>;
  readonly images: ImageStore;
  readonly templates: TemplateStore;
  readonly trace: Trace;
}
