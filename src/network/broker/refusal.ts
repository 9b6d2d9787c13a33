/** What is answered in the place of a host. Its message is one sentence, and quotes neither a value nor a query. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  /** As a page, and as a header for those who do not read pages. */
  get headers(): readonly Header[] {
    return [
      ["content-type", "text/plain; charset=utf-8"],
      ["content-length", `${Buffer.byteLength(this.page)}`],
      ["x-pyro-refused", this.message.replace(/[^\x20-\x7e]/g, "?")],
    ];
  }

  get page(): string {
    return `${this.message}\n`;
  }
}

export type Header = readonly [name: string, value: string];

/** What a connection is to, and what is known of its credentials. */
export interface Destination {
  /** In lower case, without a dot at its end. */
  readonly host: string;
  readonly port: number;
}
