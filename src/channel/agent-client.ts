import http2 from "node:http2";
import type { Duplex } from "node:stream";
import { PyroError } from "../model/errors.ts";
import type { Secret } from "../model/secrets.ts";
import { numberField, readAnswer, textField } from "./answers.ts";
import { attach, protocolVersion } from "./attach.ts";
import { BuildClient } from "./build-client.ts";
import { DiskClient } from "./disk-client.ts";
import { EgressClient } from "./egress-client.ts";
import { type ExecEvents, type ExecOutcome, type ExecRequest, runExec } from "./exec.ts";
import { type Hold, takeHold } from "./hold.ts";
import { type AnswerHeaders, supervisorStatus } from "./json.ts";
import { ServiceClient } from "./service-client.ts";
import { ShellClient } from "./shell-client.ts";
import { limitSilence } from "./silence.ts";
import { SupervisorClient } from "./supervisor-client.ts";
import { TreeClient } from "./tree-client.ts";

const streamWindowBytes = 1 << 20;
const connectionWindowBytes = 8 << 20;
/** Longer than any step of a healthy guest takes without a byte, even an emulated one on a busy host. */
const guestSilenceMsMax = 120_000;

/** What must differ between clones; the time is added when it is sent. */
export interface MachineIdentity {
  /** 32 to 512 bytes nobody else has. */
  readonly entropy: Buffer;
  readonly hostname: string;
  /** 32 hex digits. */
  readonly machineId: string;
  /** The guest's clock is set to now, or to this if it is later: a workspace's time must not run backwards. */
  readonly notBeforeNs?: bigint | undefined;
}

/** What a guest needs before its first command. */
export interface Activation extends MachineIdentity {
  readonly defaultEnv: readonly string[];
  /** Goes before those as long as the guest is not let out. */
  readonly offlineEnv?: readonly string[] | undefined;
  readonly defaultCwd: string;
  /** The image's user; absent means root. */
  readonly defaultUser?: string | undefined;
  /** Throws away what the data disk holds beside the workspace. Default false. */
  readonly discardRoot?: boolean | undefined;
}

export interface TrustRequest {
  /** In PEM; empty for none. */
  readonly certificate: string;
  /** What is trusted beside it where the environment has no list of that, in PEM. */
  readonly roots?: string | undefined;
  /** NAME=VALUE each. */
  readonly env: readonly string[];
}

export interface AgentHealth {
  readonly protocol: number;
  readonly agentVersion: string;
  readonly activated: boolean;
  /** Whether the machine was ever given a secret. */
  readonly heldSecrets: boolean;
}

export interface ConnectOptions {
  /** Whether the connection keeps this process alive while nothing is asked over it. Default true. */
  readonly keepsProcess?: boolean;
  /** How long the other end may be silent about one request. Default without bound: a supervisor lets others go first. */
  readonly silenceMsMax?: number;
  /** Whether the other end is a supervisor, whose refusals are errors of ours already. Default false. */
  readonly isSupervisor?: boolean;
}

export interface RequestOptions {
  /** Whether it may take any time without a byte, as commands and builds do. Default false. */
  readonly mayBeSilent?: boolean;
  /** Whether it is answered before it ends, as what holds something is. Default false. */
  readonly answersOpen?: boolean;
}

/** Everything the host asks of a guest agent, over one channel. */
export class AgentClient implements Disposable {
  /** The requests about the workspace's tree. */
  readonly tree: TreeClient;
  /** Those about programs on terminals. */
  readonly shell: ShellClient;
  /** Those that make images and templates. */
  readonly build: BuildClient;
  /** Those about services. */
  readonly services: ServiceClient;
  /** Those to a machine that looks at the disk of another. */
  readonly disk: DiskClient;
  /** Those of the guest's way out. */
  readonly egress: EgressClient;
  /** Those to the supervisor at the other end, where there is one. */
  readonly supervisor: SupervisorClient;
  readonly #session: http2.ClientHttp2Session;
  readonly #keepsProcess: boolean;
  readonly #silenceMsMax: number | undefined;
  readonly #isSupervisor: boolean;
  #askedCount = 0;
  #answering: Promise<boolean> | undefined;
  #failure: unknown;

  private constructor(
    session: http2.ClientHttp2Session,
    { keepsProcess = true, silenceMsMax, isSupervisor = false }: ConnectOptions,
  ) {
    this.#session = session;
    this.#keepsProcess = keepsProcess;
    this.#silenceMsMax = silenceMsMax;
    this.#isSupervisor = isSupervisor;
    if (!keepsProcess) session.unref();
    this.tree = new TreeClient((...request) => this.#open(...request));
    this.shell = new ShellClient((method, path, headers) =>
      this.request({ ...headers, ":method": method, ":path": path }, { mayBeSilent: true }),
    );
    this.build = new BuildClient((path) =>
      this.request({ ":method": "POST", ":path": path }, { mayBeSilent: true }),
    );
    this.services = new ServiceClient((method, path, options) =>
      this.request({ ":method": method, ":path": path }, options),
    );
    this.disk = new DiskClient((...request) => this.#open(...request));
    this.egress = new EgressClient((path) =>
      this.request({ ":method": "POST", ":path": path }, { mayBeSilent: true }),
    );
    this.supervisor = new SupervisorClient((method, path, options) =>
      this.request({ ":method": method, ":path": path }, options),
    );
    session.on("error", (error) => {
      this.#failure ??= error;
    });
  }

  /** Attaches to the agent at the other end of `stream`; `timeoutMs` bounds its answer. */
  static async connect(stream: Duplex, timeoutMs: number): Promise<AgentClient> {
    await attach(stream, timeoutMs);
    return AgentClient.connectAttached(stream, { silenceMsMax: guestSilenceMsMax });
  }

  /** Begins the conversation on a stream whose attach is done, or that needs none. */
  static connectAttached(stream: Duplex, options: ConnectOptions = {}): AgentClient {
    const session = http2.connect("http://guest", {
      createConnection: () => stream,
      settings: { initialWindowSize: streamWindowBytes, maxFrameSize: 65_536, enablePush: false },
      maxSessionMemory: 64,
    });
    session.once("connect", () => {
      if (!session.destroyed) session.setLocalWindowSize(connectionWindowBytes);
    });
    return new AgentClient(session, options);
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
      heldSecrets: answer.held_secrets !== false,
    };
  }

  /** Mounts the disks and opens the machine for commands. */
  async activate(activation: Activation): Promise<void> {
    await this.#call("POST", "/v1/activate", {
      ...identityFields(activation),
      default_env: activation.defaultEnv,
      offline_env: activation.offlineEnv,
      default_cwd: activation.defaultCwd,
      default_user: activation.defaultUser,
      workspace: "/workspace",
      discard_root: activation.discardRoot,
    });
  }

  /** Makes a clone of an activated template a machine of its own. */
  async renew(identity: MachineIdentity): Promise<void> {
    await this.#call("POST", "/v1/renew", identityFields(identity));
  }

  /** Brings the guest's clock to ours, without ever setting it back. */
  async correctClock(): Promise<void> {
    await this.#call("POST", "/v1/clock", { unix_time_ns: `${unixTimeNs()}` });
  }

  /** Makes these, and no others, the secrets that commands can read as files. */
  async holdSecrets(secrets: readonly Pick<Secret, "name" | "value">[]): Promise<void> {
    const held = secrets.map(({ name, value }) => ({ name, value: inBase64(value) }));
    await this.#call("POST", "/v1/secrets", { secrets: held });
  }

  /** Makes programs trust this certificate beside others, and no other one that came this way; `env` is for all of them. */
  async trust(wanted: TrustRequest): Promise<{ readonly needsRoots: boolean }> {
    const answer = await this.#call("POST", "/v1/trust", wanted);
    return { needsRoots: answer.needs_roots === true };
  }

  /** Runs one command to its end; a command that fails is a result. */
  exec(
    request: ExecRequest,
    events: ExecEvents = {},
    headers: http2.OutgoingHttpHeaders = {},
  ): Promise<ExecOutcome> {
    const stream = this.request(
      { ...headers, ":method": "POST", ":path": "/v1/exec" },
      { mayBeSilent: true },
    );
    return runExec(stream, request, { ...events, isSupervised: this.#isSupervisor });
  }

  /** Holds back every write to the data disk, flushed before, until the answer is disposed of. */
  freeze(signal?: AbortSignal): Promise<Hold> {
    return this.#hold("/v1/freeze", signal);
  }

  /** Holds back changes that other clients of a supervisor ask for, until the answer is disposed of. */
  hold(signal?: AbortSignal): Promise<Hold> {
    return this.#hold("/v1/hold", signal);
  }

  #hold(path: string, signal: AbortSignal | undefined): Promise<Hold> {
    const headers = { ":method": "POST", ":path": path };
    return takeHold(() => this.request(headers, { answersOpen: true }), signal);
  }

  /** Opens any request, for whoever passes requests of others on. */
  request(
    headers: http2.OutgoingHttpHeaders,
    { mayBeSilent = false, answersOpen }: RequestOptions = {},
  ): http2.ClientHttp2Stream {
    if (this.#session.destroyed) throw this.#closed();
    const stream = this.#session.request(headers, { endStream: false });
    stream.once("close", this.#keepProcess());
    if (!this.#isSupervisor) stream.once("response", withoutSupervisorStatus);
    if (this.#silenceMsMax !== undefined && !mayBeSilent)
      limitSilence(stream, { silenceMs: this.#silenceMsMax, answersOpen });
    return stream;
  }

  /** Keeps this process until the answer is called: what is asked for must be waited for. */
  #keepProcess(): () => void {
    if (this.#keepsProcess) return () => undefined;
    if (this.#askedCount++ === 0) this.#session.ref();
    return () => {
      if (--this.#askedCount === 0 && !this.#session.destroyed) this.#session.unref();
    };
  }

  /** Settles when the channel is closed, whoever closed it. */
  get closed(): Promise<void> {
    if (this.#session.destroyed) return Promise.resolve();
    return new Promise((resolve) => this.#session.once("close", resolve));
  }

  /** Whether the other end still reads what we send; costs one round trip, and nothing of the guest. */
  isAnswering(): Promise<boolean> {
    if (this.isClosed) return Promise.resolve(false);
    // Who asks at the same time gets the same answer: only a few pings may be under way.
    this.#answering ??= this.#ping().finally(() => {
      this.#answering = undefined;
    });
    return this.#answering;
  }

  #ping(): Promise<boolean> {
    const release = this.#keepProcess();
    return new Promise<boolean>((resolve) => {
      const sent = this.#session.ping((error) => resolve(error === null));
      if (!sent) resolve(false);
    }).finally(release);
  }

  get isClosed(): boolean {
    return this.#session.destroyed || this.#session.closed;
  }

  /** A connection with a server on a port of the guest; its frames are told of in docs/protocol.md. */
  forward(port: number): http2.ClientHttp2Stream {
    const path = `/v1/forward?port=${port}`;
    return this.request({ ":method": "POST", ":path": path }, { mayBeSilent: true });
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

  #open(
    method: string,
    path: string,
    headers: http2.OutgoingHttpHeaders = {},
  ): http2.ClientHttp2Stream {
    return this.request({ ...headers, ":method": method, ":path": path });
  }

  #closed(): PyroError {
    return new PyroError("guest_lost", "The channel to the guest is closed.", {
      cause: this.#failure,
    });
  }
}

/** As the agent takes texts of any kind, however they would be escaped. */
function inBase64(text: string): { readonly base64: string } {
  return { base64: Buffer.from(text).toString("base64") };
}

/** A guest cannot speak with the supervisor's voice. Whoever else reads the headers does so later. */
function withoutSupervisorStatus(headers: AnswerHeaders): void {
  if (headers[":status"] === supervisorStatus) headers[":status"] = 502;
}

/** Of the wall clock itself: what a process measured since its start misses every sleep of the host. */
function unixTimeNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

function identityFields({
  entropy,
  hostname,
  machineId,
  notBeforeNs = 0n,
}: MachineIdentity): Record<string, string> {
  const now = unixTimeNs();
  return {
    entropy: entropy.toString("base64"),
    unix_time_ns: `${now > notBeforeNs ? now : notBeforeNs}`,
    hostname,
    machine_id: machineId,
  };
}
