import { PyroError } from "../model/errors.ts";
import { numberField, readAnswer } from "./answers.ts";
import { bodyOf } from "./body.ts";
import { cancelOn } from "./cancel-on.ts";
import { agentFailure, parseJson, refusalText, statusOf, waitForHeaders } from "./json.ts";
import type { OpenStream } from "./tree-client.ts";

/** A report of progress, which names at most one path. */
const lineBytesMax = 64 * 1024;

export interface OpenDiskOptions {
  /** Whether the disk may be written to, to replay the journal of one that was not closed. */
  readonly recover: boolean;
  /** Leaves out every change to the environment's own files. */
  readonly discardRoot: boolean;
}

/** How far an export came. */
export interface DiskCopied {
  readonly entryCount: number;
  /** Content of files, holes left out. */
  readonly bytes: number;
}

export interface ExportDiskOptions {
  readonly onCopied: (copied: DiskCopied) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The requests about the disk of a machine that does not run, made to one that only looks at it. */
export class DiskClient {
  readonly #open: OpenStream;

  constructor(open: OpenStream) {
    this.#open = open;
  }

  /**
   * Makes the root that commands had on the disk the tree that the requests about trees are about. False for a disk that was not
   * closed and may not be written to.
   */
  async open({ recover, discardRoot }: OpenDiskOptions): Promise<boolean> {
    const stream = this.#open("POST", "/v1/disk/open");
    stream.end(JSON.stringify({ recover, discard_root: discardRoot }));
    return (await readAnswer(stream)).opened === true;
  }

  /** Copies that root to the machine's other disk. */
  async export({ onCopied, signal }: ExportDiskOptions): Promise<DiskCopied> {
    const stream = this.#open("POST", "/v1/disk/export");
    cancelOn(stream, signal);
    stream.end();
    const status = statusOf(await waitForHeaders(stream));
    if (status !== 200) throw agentFailure(status, await refusalText(stream));
    for await (const line of linesOf(bodyOf(stream))) {
      const report = parseJson(line);
      if (report.error !== undefined) throw agentFailure(0, line);
      const copied = {
        entryCount: numberField(report, "entry_count"),
        bytes: numberField(report, "bytes"),
      };
      onCopied(copied);
      if (report.done === true) return copied;
    }
    throw new PyroError("guest_protocol_error", "The guest agent broke an export off.");
  }
}

async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of body) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      yield rest.toString("utf8", 0, end);
      rest = rest.subarray(end + 1);
    }
    if (rest.length > lineBytesMax)
      throw new PyroError("guest_protocol_error", "The guest agent's report is too long.");
  }
}
