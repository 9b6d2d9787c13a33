import { type Address, isIn, parseAddress, parseBlock } from "../address.ts";
import { hostName } from "../rule.ts";

/** What is reached without a proxy. */
interface Exception {
  matches(host: string | null, address: Address | null): boolean;
  /** Null: any. */
  readonly port: number | null;
}

/** The hosts of `NO_PROXY`: names, which stand for what is below them too, .SUFFIX for that alone, addresses, blocks, each with :PORT or without, and `*`. */
export class ProxyExceptions {
  readonly #exceptions: readonly Exception[];

  constructor(text: string) {
    this.#exceptions = text
      .split(/[\s,]+/)
      .map(exceptionOf)
      .filter((one) => one !== undefined);
  }

  has(host: string | null, address: Address | null, port: number): boolean {
    return this.#exceptions.some(
      (one) => (one.port === null || one.port === port) && one.matches(host, address),
    );
  }
}

/** Undefined for what nobody can have meant. */
function exceptionOf(text: string): Exception | undefined {
  if (text === "*") return { matches: () => true, port: null };
  const block = parseBlock(text) ?? whole(text);
  if (block !== undefined) return { matches: isOf(block), port: null };
  const [, bracketed, plain, portText] =
    /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = portText === undefined ? null : Number(portText);
  const address = whole(bracketed ?? plain ?? "");
  if (address !== undefined) return { matches: isOf(address), port };
  const name = plain ?? "";
  const parent = hostName(name.replace(/^\*?\./, ""));
  if (parent === undefined) return undefined;
  const isSuffix = /^\*?\./.test(name);
  return {
    matches: (host) =>
      host !== null && ((host === parent && !isSuffix) || host.endsWith(`.${parent}`)),
    port,
  };
}

function whole(text: string): { bytes: Address; bits: number } | undefined {
  const bytes = parseAddress(text);
  return bytes && { bytes, bits: bytes.length * 8 };
}

function isOf(block: { bytes: Address; bits: number }): Exception["matches"] {
  return (_host, address) => address !== null && isIn(address, block);
}
