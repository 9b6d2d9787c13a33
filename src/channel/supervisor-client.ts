import type { ClientHttp2Stream } from "node:http2";
import { asPyroError } from "../model/errors.ts";
import type { SecretsChange } from "../model/secrets.ts";
import { numberField, readAnswer } from "./answers.ts";
import { cancelOn } from "./cancel-on.ts";

type Open = (
  method: string,
  path: string,
  options?: { readonly mayBeSilent: boolean },
) => ClientHttp2Stream;

/** What a supervisor answers itself, and does not pass on to the guest. */
export class SupervisorClient {
  readonly #open: Open;

  constructor(open: Open) {
    this.#open = open;
  }

  /** Which requests it answers; 0 for one that does not say. */
  async version(): Promise<number> {
    try {
      return numberField(await this.#call("GET", "/v1/supervisor"), "version");
    } catch (error) {
      if (asPyroError(error).code === "internal") return 0;
      throw error;
    }
  }

  /** Asks it to leave the running machine to another one; false while it is at work, or when it cannot. */
  async stepAside(): Promise<boolean> {
    try {
      await this.#call("POST", "/v1/supervisor/step-aside");
      return true;
    } catch (error) {
      const { code } = asPyroError(error);
      if (code === "workspace_busy" || code === "internal") return false;
      throw error;
    }
  }

  /** Asks for what takes any time. */
  ask(path: string, body: object, signal?: AbortSignal): Promise<Record<string, unknown>> {
    const stream = this.#open("POST", path, { mayBeSilent: true });
    cancelOn(stream, signal);
    stream.end(JSON.stringify(body));
    return readAnswer(stream);
  }

  /** Asks it to change the workspace's secrets. */
  async changeSecrets(change: SecretsChange): Promise<void> {
    const isBrokered = change.set.some(({ brokered }) => brokered !== undefined);
    // A supervisor that knows nothing of credentials would give their values away.
    const what = isBrokered ? "credentials" : "secrets";
    await this.#call("POST", `/v1/${what}/change`, change);
  }

  /** Asks it to end its workspace's run; settles when that is done. */
  async endRun(mode: "stop" | "kill"): Promise<void> {
    await this.#call("POST", `/v1/end/${mode}`);
  }

  #call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const stream = this.#open(method, path);
    stream.end(body === undefined ? undefined : JSON.stringify(body));
    return readAnswer(stream);
  }
}
