import http2 from "node:http2";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { PyroError } from "../model/errors.ts";
import { attach, protocolVersion } from "./attach.ts";
import { type ExecEvents, type ExecOutcome, type ExecRequest, runExec } from "./exec.ts";
import { agentFailure, parseJson, readText } from "./json.ts";

const streamWindowBytes = 1 << 20;
const connectionWindowBytes = 8 << 20;

/** What must differ between clones; the time is added when it is sent. */
export interface MachineIdentity {
  /** 32 to 512 bytes nobody else has. */
  readonly entropy: Buffer;
  readonly hostname: string;
  /** 32 hex digits. */
  readonly machineId: string;
}

/** What a guest needs before its first command. */
export interface Activation extends MachineIdentity {
  readonly defaultEnv: readonly string[];
  readonly defaultCwd: string;
  /** The image's user; absent means root. */
  readonly defaultUser?: string | undefined;
}

export interface AgentHealth {
  readonly protocol: number;
  readonly agentVersion: string;
  readonly activated: boolean;
}

export interface LayerOptions {
  readonly compression: "none" | "gzip" | "zstd";
  /** Whether to compute the digest of the unpacked layer. */
  readonly digest: boolean;
}

export interface LayerResult {
  readonly entryCount: number;
  readonly bytes: number;
  /** `sha256:…` of the uncompressed layer; null when it was not asked for. */
  readonly diffId: string | null;
}

export interface FinishResult {
  readonly usedBytes: number;
  readonly entryCount: number;
}

/** Everything the host asks of a guest agent, over one channel. */
export class AgentClient implements Disposable {
  readonly #session: http2.ClientHttp2Session;
  #failure: unknown;

  private constructor(session: http2.ClientHttp2Session) {
    this.#session = session;
    session.on("error", (error) => {
      this.#failure ??= error;
    });
  }

  /** Attaches to the agent at the other end of `stream`; `timeoutMs` bounds its answer. */
  static async connect(stream: Duplex, timeoutMs: number): Promise<AgentClient> {
    await attach(stream, timeoutMs);
    return AgentClient.connectAttached(stream);
  }

  /** Begins the conversation on a stream whose attach is done. */
  static connectAttached(stream: Duplex): AgentClient {
    const session = http2.connect("http://guest", {
      createConnection: () => stream,
      settings: { initialWindowSize: streamWindowBytes, maxFrameSize: 65_536, enablePush: false },
      maxSessionMemory: 64,
    });
    session.once("connect", () => {
      if (!session.destroyed) session.setLocalWindowSize(connectionWindowBytes);
    });
    return new AgentClient(session);
  }

  async health(): Promise<AgentHealth> {
    const answer = await this.#call("GET", "/v1/health");
    const protocol = numberField(answer, "protocol");
    if (protocol !== protocolVersion)
      throw new PyroError(
        "guest_protocol_error",
        `The guest agent speaks protocol ${protocol}, not ${protocolVersion}.`,
      );
    return {
      protocol,
      agentVersion: textField(answer, "agent_version"),
      activated: answer.activated === true,
    };
  }

  /** Mounts the disks and opens the machine for commands. */
  async activate(activation: Activation): Promise<void> {
    await this.#call("POST", "/v1/activate", {
      ...identityFields(activation),
      default_env: activation.defaultEnv,
      default_cwd: activation.defaultCwd,
      default_user: activation.defaultUser,
      workspace: "/workspace",
    });
  }

  /** Makes a clone of an activated template a machine of its own. */
  async renew(identity: MachineIdentity): Promise<void> {
    await this.#call("POST", "/v1/renew", identityFields(identity));
  }

  /** Runs one command to its end; a command that fails is a result. */
  exec(request: ExecRequest, events: ExecEvents = {}): Promise<ExecOutcome> {
    return runExec(this.#open("POST", "/v1/exec"), request, events);
  }

  /** Runs commands for their effect on the guest's page cache alone. */
  async warm(commands: readonly (readonly string[])[]): Promise<void> {
    await this.#call("POST", "/v1/warm", { commands });
  }

  /** Applies one image layer to the builder's disk. The digest costs an emulated guest half of its time. */
  async applyLayer(layer: Readable, { compression, digest }: LayerOptions): Promise<LayerResult> {
    const stream = this.#open(
      "POST",
      `/v1/build/layer?compression=${compression}${digest ? "" : "&digest=none"}`,
    );
    const [answer] = await Promise.all([readAnswer(stream), feed(layer, stream)]);
    return {
      entryCount: numberField(answer, "entry_count"),
      bytes: numberField(answer, "bytes"),
      diffId: digest ? textField(answer, "diff_id") : null,
    };
  }

  /** Completes the builder's disk and unmounts it. */
  async finishImage(): Promise<FinishResult> {
    const answer = await this.#call("POST", "/v1/build/finish");
    return {
      usedBytes: numberField(answer, "used_bytes"),
      entryCount: numberField(answer, "entry_count"),
    };
  }

  /** Flushes the guest's file systems. */
  async sync(): Promise<void> {
    await this.#call("POST", "/v1/sync");
  }

  async powerOff(): Promise<void> {
    await this.#call("POST", "/v1/power-off");
  }

  /** Gives the channel up; what runs in the guest on behalf of it ends. */
  close(): void {
    this.#session.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const stream = this.#open(method, path);
    stream.end(body === undefined ? undefined : JSON.stringify(body));
    return readAnswer(stream);
  }

  #open(method: string, path: string): http2.ClientHttp2Stream {
    if (this.#session.destroyed)
      throw new PyroError("guest_lost", "The channel to the guest is closed.", {
        cause: this.#failure,
      });
    return this.#session.request({ ":method": method, ":path": path }, { endStream: false });
  }
}

function identityFields({ entropy, hostname, machineId }: MachineIdentity): Record<string, string> {
  const unixTimeNs = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;
  return {
    entropy: entropy.toString("base64"),
    unix_time_ns: `${unixTimeNs}`,
    hostname,
    machine_id: machineId,
  };
}

async function readAnswer(stream: http2.ClientHttp2Stream): Promise<Record<string, unknown>> {
  const { status, text } = await readText(stream);
  if (status !== 200) throw agentFailure(status, text);
  return parseJson(text);
}

/** Sends a layer; a refusal by the agent is told by its answer, not by the broken pipe it causes here. */
async function feed(layer: Readable, stream: http2.ClientHttp2Stream): Promise<void> {
  try {
    await pipeline(layer, stream);
  } catch (error) {
    if (layer.errored) throw error;
  }
}

function numberField(answer: Record<string, unknown>, name: string): number {
  const value = answer[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new PyroError(
    "guest_protocol_error",
    `The guest agent answered without a usable "${name}".`,
  );
}

function textField(answer: Record<string, unknown>, name: string): string {
  const value = answer[name];
  if (typeof value === "string" && value.length <= 1024) return value;
  throw new PyroError(
    "guest_protocol_error",
    `The guest agent answered without a usable "${name}".`,
  );
}
