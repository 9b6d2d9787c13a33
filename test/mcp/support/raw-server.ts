import { createInterface } from "node:readline";
import type { PyroHome } from "../../support/home.ts";
import type { PyroProcess } from "../../support/process.ts";

export interface Message {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
  readonly params?: Record<string, unknown>;
}

/** A server spoken to in bytes, as no well-behaved client would. */
export class RawServer implements AsyncDisposable {
  readonly process: PyroProcess;
  readonly messages: Message[] = [];
  /** Lines of standard output that are no JSON. */
  readonly strays: string[] = [];
  #waiting: (() => void)[] = [];

  constructor(home: PyroHome, args: readonly string[] = [], cwd = home.directory) {
    this.process = home.start(["mcp", "serve", ...args], {
      openInput: true,
      ownStdout: true,
      cwd,
    });
    createInterface({ input: this.process.child.stdout }).on("line", (line) => {
      try {
        this.messages.push(JSON.parse(line) as Message);
      } catch {
        this.strays.push(line);
      }
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  write(bytes: string | Buffer): void {
    this.process.child.stdin.write(bytes);
  }

  send(message: Record<string, unknown>): void {
    this.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  async initialize(): Promise<Message> {
    this.send({
      id: "init",
      method: "initialize",
      params: {
        protocolVersion: "2025-06-18",
        capabilities: {},
        clientInfo: { name: "raw", version: "1" },
      },
    });
    const answer = await this.answer("init");
    this.send({ method: "notifications/initialized" });
    return answer;
  }

  call(id: number | string, name: string, input: Record<string, unknown>): void {
    this.send({ id, method: "tools/call", params: { name, arguments: input } });
  }

  answer(id: number | string): Promise<Message> {
    return this.until((message) => message.id === id && message.method === undefined);
  }

  async until(holds: (message: Message) => boolean, from = 0): Promise<Message> {
    for (let at = from; ; ) {
      for (; at < this.messages.length; at++) {
        const message = this.messages[at];
        if (message !== undefined && holds(message)) return message;
      }
      await new Promise<void>((wake, reject) => {
        this.#waiting.push(wake);
        this.process.ended.then(
          ({ code, stderr }) => reject(new TypeError(`the server ended (${code}): ${stderr}`)),
          reject,
        );
      });
    }
  }

  /** Milliseconds until a ping is answered. */
  async ping(): Promise<number> {
    const id = `ping-${this.messages.length}-${performance.now()}`;
    const begin = performance.now();
    this.send({ id, method: "ping" });
    const { result } = await this.answer(id);
    if (result === undefined) throw new TypeError("a ping was refused");
    return performance.now() - begin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.kill();
  }
}
