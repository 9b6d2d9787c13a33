import { setTimeout as sleep } from "node:timers/promises";
import type { AgentClient } from "../../channel/agent-client.ts";
import { type Frame, FrameDecoder, frameKind } from "../../channel/frames.ts";
import { statusOf, waitForHeaders } from "../../channel/json.ts";
import { PyroError } from "../../model/errors.ts";
import type { KeptSecrets } from "../records/kept-secrets.ts";
import type { KeptOutput, OutputPlace } from "./kept-output.ts";
import { LateOutputFile } from "./late-output-file.ts";
import { outputPath } from "./output-file.ts";
import { isOutput, type OutputFrame } from "./output-frame.ts";
import { RedactedOutput } from "./redacted-output.ts";

/** Of an exec that goes to the guest: what it leaves running is told apart by this number. */
export const numberHeader = "x-pyro-command";

/** More at once waits in the guest, which drops and counts what it has no room for. */
const burstBytes = 4 << 20;
const bytesPerSecondMax = 1 << 20;
/** What a frame counts for at least: each is a write of its own. */
const frameBytesMin = 1 << 10;
/** Each payload begins with the number of its command; a count is as long. */
const numberBytes = 8;

/** Writes down what processes write that outlive their commands. */
export class LateOutput {
  readonly #place: OutputPlace;
  readonly #kept: KeptOutput;
  readonly #files = new Map<number, RedactedFile>();

  constructor(place: OutputPlace, kept: KeptOutput) {
    this.#place = place;
    this.#kept = kept;
  }

  /** Reads what the agent has, until its channel closes. */
  async collect(client: AgentClient): Promise<void> {
    const headers = { ":method": "GET", ":path": "/v1/late-output" };
    const stream = client.request(headers, { mayBeSilent: true });
    stream.on("error", () => undefined);
    stream.end();
    try {
      // An agent of an older pyro drops it.
      if (statusOf(await waitForHeaders(stream)) !== 200) return;
      const decoder = new FrameDecoder();
      const pace = new Pace();
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        let bytes = 0;
        for (const frame of decoder.push(chunk)) {
          this.#take(frame);
          bytes += Math.max(frame.payload.length, frameBytesMin);
        }
        await pace.spend(bytes);
      }
    } finally {
      for (const file of this.#files.values()) file.end();
      stream.close();
    }
  }

  #take(frame: Frame): void {
    const { payload } = frame;
    if (payload.length <= numberBytes) throw unknownFrame(frame);
    const sequence = Number(payload.readBigUInt64BE());
    const rest = payload.subarray(numberBytes);
    const file = this.#fileOf(sequence);
    if (isOutput(frame)) file.push({ kind: frame.kind, payload: rest });
    else file.drop(countIn(frame, rest));
    this.#kept.grew(sequence);
  }

  #fileOf(sequence: number): RedactedFile {
    const known = this.#files.get(sequence);
    if (known !== undefined) return known;
    const { workspaceId, journal, outputDirectory } = this.#place;
    if (!Number.isSafeInteger(sequence) || journal.commands(workspaceId, { sequence }).length === 0)
      throw new PyroError("guest_protocol_error", `The guest has run no command ${sequence}.`);
    const file = new RedactedFile(outputPath(outputDirectory, sequence), this.#place.secrets);
    this.#files.set(sequence, file);
    return file;
  }
}

/** What came of a command after its end, with secrets taken out. */
class RedactedFile {
  readonly #file: LateOutputFile;
  readonly #output: RedactedOutput;

  constructor(path: string, secrets: KeptSecrets) {
    this.#file = new LateOutputFile(path);
    this.#output = new RedactedOutput(secrets, ({ kind, payload }) =>
      this.#file.push(kind, payload),
    );
  }

  push(frame: OutputFrame): void {
    for (const { kind, payload } of this.#output.push(frame)) this.#file.push(kind, payload);
  }

  drop(count: number): void {
    this.end();
    this.#file.drop(count);
  }

  end(): void {
    for (const { kind, payload } of this.#output.end()) this.#file.push(kind, payload);
  }
}

function countIn(frame: Frame, rest: Buffer): number {
  const count = rest.length === numberBytes ? Number(rest.readBigUInt64BE()) : Number.NaN;
  if (frame.kind === frameKind.dropped && Number.isSafeInteger(count)) return count;
  throw unknownFrame(frame);
}

function unknownFrame({ kind }: Frame): PyroError {
  return new PyroError("guest_protocol_error", `The guest sent a late frame of kind ${kind}.`);
}

/** Lets bursts through at once and holds a flood back: whatever writes without end must not keep this host's disk busy. */
class Pace {
  #allowance = burstBytes;
  #at = performance.now();

  async spend(bytes: number): Promise<void> {
    const now = performance.now();
    const earned = ((now - this.#at) / 1000) * bytesPerSecondMax;
    this.#allowance = Math.min(burstBytes, this.#allowance + earned) - bytes;
    this.#at = now;
    if (this.#allowance < 0) await sleep((-this.#allowance / bytesPerSecondMax) * 1000);
  }
}
