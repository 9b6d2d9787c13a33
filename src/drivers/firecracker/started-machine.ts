import assert from "node:assert/strict";
import { chmodSync, chownSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { asPyroError } from "../../model/errors.ts";
import type { MachineExit, SavableMachine, TemplateFiles } from "../driver.ts";
import { type ApiRequest, callApi } from "./api-client.ts";
import { saveRequests } from "./configuration.ts";
import { FirecrackerMachine, type FirecrackerMachineParts } from "./firecracker-machine.ts";
import { tryConnectJailed, untilConnected } from "./jailed-socket.ts";
import { type Layout, socketPaths } from "./layout.ts";

const connectRetryMs = 2;

export interface SaveTarget {
  /** As the monitor finds them. */
  readonly jailed: NonNullable<Layout["saved"]>;
  readonly files: TemplateFiles;
}

export interface StartedMachineParts extends FirecrackerMachineParts {
  /** Only for a machine that becomes a template. */
  readonly saveTarget: SaveTarget | undefined;
}

/** A machine of which we hold the process, and tell it what it is. */
export class StartedFirecrackerMachine extends FirecrackerMachine implements SavableMachine {
  readonly #saveTarget: SaveTarget | undefined;
  readonly #refusal: { text?: string };

  constructor({ exited, saveTarget, ...parts }: StartedMachineParts) {
    const refusal: { text?: string } = {};
    super({ ...parts, exited: exited.then((exit) => withRefusal(exit, refusal.text)) });
    this.#saveTarget = saveTarget;
    this.#refusal = refusal;
  }

  /** Has the monitor do what makes it run; one that does not is ended, with the reason as its last words. */
  async configure(requests: readonly ApiRequest[]): Promise<void> {
    try {
      await this.#callAll(requests);
    } catch (error) {
      const { code, message } = asPyroError(error);
      // One that ended by itself says on standard error why.
      if (code !== "guest_lost") this.#refusal.text = message;
      await this.kill();
    }
  }

  async saveState(): Promise<void> {
    assert(this.#saveTarget, "only a machine booted to be saved can be saved");
    const { jailed, files } = this.#saveTarget;
    await this.#callAll(saveRequests(jailed));
    seal(files.statePath);
  }

  async #callAll(requests: readonly ApiRequest[]): Promise<void> {
    const connect = () => tryConnectJailed(this.identity, socketPaths.api);
    for (const request of requests)
      await callApi(
        await untilConnected(this.identity, connect, { pollMs: connectRetryMs }),
        request,
      );
  }
}

/** A machine that was killed because it refused to run has ended of that. */
function withRefusal(exit: MachineExit, refusal: string | undefined): MachineExit {
  if (refusal === undefined) return exit;
  return { exitCode: 1, signal: null, stderrTail: `${exit.stderrTail}${refusal}\n` };
}

/** What a monitor has written and others will read belongs to us from now on, and nobody writes to it. */
function seal(path: string): void {
  const { uid, gid } = statSync(dirname(path));
  chownSync(path, uid, gid);
  chmodSync(path, 0o444);
}
