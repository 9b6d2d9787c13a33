import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { type Address, parseOwnAddress } from "./address.ts";

export type LookUp =
  | { readonly kind: "found"; readonly addresses: readonly Address[] }
  /** There is no such name. */
  | { readonly kind: "unknown" }
  /** Nobody could tell. */
  | { readonly kind: "failed" };

/** At a time: the system's resolver holds one of this process's few threads for as long as it takes. */
const lookUpsMax = 2;
/** Beyond these a name fails at once. */
const waitingMax = 256;
/** A name is looked up before its connection is made: both are to mean the same addresses. */
const keptMs = 10_000;
const keptMax = 1_000;
const addressesMax = 32;

/** Asks this machine's own resolver what names mean. */
export class NameResolver {
  readonly #known = new Map<string, { readonly at: number; readonly found: Promise<LookUp> }>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `host` is one that `hostName` answers. */
  async lookUp(host: string): Promise<LookUp> {
    const known = this.#known.get(host);
    if (known !== undefined && performance.now() - known.at < keptMs) return known.found;
    if (this.#waiting.length >= waitingMax) return { kind: "failed" };
    const found = this.#inTurn(host);
    this.#known.delete(host);
    this.#known.set(host, { at: performance.now(), found });
    const [oldest] = this.#known.keys();
    if (this.#known.size > keptMax && oldest !== undefined) this.#known.delete(oldest);
    return found;
  }

  async #inTurn(host: string): Promise<LookUp> {
    if (this.#running >= lookUpsMax)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      return await ask(host);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}

/** With a dot at the end, so that no search domain of this machine is added; one of its `hosts` file is found only without. */
async function systemName(host: string): Promise<string> {
  const hosts = await readFile("/etc/hosts", "latin1").catch(() => "");
  const words = hosts
    .split("\n")
    .flatMap((line) => line.replace(/#.*/, "").toLowerCase().split(/\s+/).slice(1));
  return words.includes(host) ? host : `${host}.`;
}

async function ask(host: string): Promise<LookUp> {
  try {
    const answers = await lookup(await systemName(host), { all: true, order: "verbatim" });
    const addresses = answers
      .slice(0, addressesMax)
      .map(({ address }) => parseOwnAddress(address))
      .filter((address) => address !== undefined);
    return addresses.length === 0 ? { kind: "unknown" } : { kind: "found", addresses };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { kind: code === "ENOTFOUND" ? "unknown" : "failed" };
  }
}
