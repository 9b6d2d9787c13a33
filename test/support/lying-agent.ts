import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { identifyProcess } from "../../src/platform/processes.ts";
import { WorkspaceRecords } from "../../src/workspace/records/workspace-records.ts";
import type { TestWorkspaces } from "./workspaces.ts";

/** How a lying agent answers a request. */
export type Lie = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => unknown;

/** A workspace whose machine is a process that does nothing and whose agent is ours, to say whatever a test wants. */
export class LyingAgent implements AsyncDisposable {
  readonly workspaceId: string;
  lie: Lie = (stream) => stream.respond({ ":status": 500 });
  readonly #machine: ChildProcess;
  readonly #servers: net.Server[];
  readonly #sockets = new Set<net.Socket>();

  private constructor(workspaceId: string, machine: ChildProcess) {
    this.workspaceId = workspaceId;
    this.#machine = machine;
    this.#servers = [net.createServer((socket) => this.#serve(socket)), net.createServer()];
  }

  static async start(place: TestWorkspaces, model: string): Promise<LyingAgent> {
    const machine = spawn("sleep", ["600"], { stdio: "ignore" });
    await once(machine, "spawn");
    const identity = identifyProcess(machine.pid ?? 0);
    const workspaceId = `ws-${(machine.pid ?? 0).toString(16).padStart(12, "0")}`;
    const sockets = join(place.directory(workspaceId), "sockets");
    mkdirSync(sockets, { recursive: true, mode: 0o700 });
    const agent = new LyingAgent(workspaceId, machine);
    for (const [index, name] of ["channel.sock", "console.sock"].entries()) {
      agent.#servers[index]?.listen(join(sockets, name));
      await once(agent.#servers[index] as net.Server, "listening");
    }
    using records = WorkspaceRecords.open(place.home.stateDirectory);
    const row = records.workspaces.match(model)[0];
    if (row === undefined || identity === undefined) throw new TypeError("no model to copy");
    // A machine of that driver is nobody's to confine.
    const driver = "host-compat";
    records.workspaces.insert({ ...row, workspaceId, name: null, process: identity, driver });
    return agent;
  }

  /** Whether its machine was not ended. */
  get lives(): boolean {
    return this.#machine.exitCode === null && this.#machine.signalCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#machine.kill("SIGKILL");
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    serveAgent(socket, (stream, headers) => {
      stream.resume();
      return this.lie(stream, headers);
    });
  }
}

/** The agent's end of a channel: the attach, and then HTTP/2. */
export function serveAgent(channel: Duplex, lie: Lie): void {
  channel.on("error", () => undefined);
  channel.once("data", (line: Buffer) => {
    channel.write(line);
    const server = http2.createServer({ maxSessionMemory: 64 });
    server.on("session", (session) => session.on("error", () => undefined));
    server.on("stream", (stream, headers) => {
      stream.on("error", () => undefined);
      lie(stream, headers);
    });
    server.emit("connection", channel);
  });
}
