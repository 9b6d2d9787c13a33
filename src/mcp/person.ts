import { randomUUID } from "node:crypto";
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type InputRequiredResult,
  inputRequired,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { asPyroError } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";
import type { Pyro } from "../sdk.ts";
import type { NetworkWish } from "./answers/network-wish.ts";

/** Within what the most impatient client gives a call, beside the longest that a call takes. */
const answerMs = 200_000;
const onceSeconds = 600;
const keptMax = 64;
const declinedMax = 1_000;

const choices = ["no", "for 10 minutes", "for this workspace"] as const;

/** Ends a call with its answer, and with what the person said where one was asked. */
export type Finish<Result> = (said: string | undefined) => Result;

interface Question {
  readonly target: string;
  /** Why it is denied; a sentence. */
  readonly reason: string;
}

interface Asked<Result> {
  readonly wish: NetworkWish;
  readonly finish: Finish<Result>;
}

/**
 * The person behind a client, who alone says what a workspace may reach. A client of the 2025 revisions is asked within the call;
 * a later one is answered with the question, and calls again with what the person said.
 */
export class Person<Result> {
  readonly #pyro: () => Promise<Pyro>;
  /** Answers that wait for a person, by what their client says when it calls again. */
  readonly #asked = new Map<string, Asked<Result>>();
  /** What was not allowed: nobody is asked twice. */
  readonly #declined = new Set<string>();

  constructor(pyro: () => Promise<Pyro>) {
    this.#pyro = pyro;
  }

  /** Asks about `wish` where there is somebody to ask and something that they have not said no to. */
  async ask(
    { wish, finish }: { readonly wish: NetworkWish | undefined; readonly finish: Finish<Result> },
    { mcpReq }: ServerContext,
    declaredAtStart: ClientCapabilities | undefined,
  ): Promise<Result | InputRequiredResult> {
    const envelope: Readonly<Record<string, unknown>> = mcpReq.envelope ?? {};
    const declared = envelope[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities | undefined;
    if (wish === undefined || !asksInForms(declared ?? declaredAtStart)) return finish(undefined);
    const questions = await this.#questions(wish);
    if (questions.length === 0) return finish(undefined);
    const { workspaceId } = wish;
    const form = formOf(workspaceId, questions);
    const left = { workspaceId, targets: questions.map(({ target }) => target) };
    if (declared !== undefined) {
      const requestState = this.#keep({ wish: left, finish });
      return inputRequired({
        requestState,
        inputRequests: { network: inputRequired.elicit(form) },
      });
    }
    const said = await mcpReq
      .elicitInput(form, { timeout: answerMs, signal: mcpReq.signal })
      // Nobody answers, or the client is gone: the answer is what it was.
      .catch(() => undefined);
    return finish(await this.#heed(left, said?.action === "accept" ? said.content : undefined));
  }

  /** The answer that waited for a person; undefined where there is none. */
  async answered({ mcpReq }: ServerContext, state: string): Promise<Result | undefined> {
    const asked = this.#asked.get(state);
    if (asked === undefined) return undefined;
    this.#asked.delete(state);
    const { wish, finish } = asked;
    return finish(await this.#heed(wish, acceptedContent(mcpReq.inputResponses, "network")));
  }

  /** Those that a yes would open, and that nobody has said no to. */
  async #questions({ workspaceId, targets }: NetworkWish): Promise<readonly Question[]> {
    const pyro = await this.#pyro();
    const questions = targets
      .filter((target) => !this.#declined.has(`${workspaceId} ${target}`))
      .map(async (target) => {
        const check = await pyro.checkNetwork(workspaceId, target).catch(() => undefined);
        const isClosed = check?.verdict === "deny" && check.addresses.length === 0;
        return isClosed ? [{ target, reason: check.reason }] : [];
      });
    return (await Promise.all(questions)).flat();
  }

  #keep(asked: Asked<Result>): string {
    const state = randomUUID();
    this.#asked.set(state, asked);
    const [oldest] = this.#asked.keys();
    if (this.#asked.size > keptMax && oldest !== undefined) this.#asked.delete(oldest);
    return state;
  }

  /** Does what the person said about each target, and says so. What is no choice of theirs is a no. */
  async #heed(
    { workspaceId, targets }: NetworkWish,
    said: Readonly<Record<string, unknown>> | undefined,
  ): Promise<string> {
    const lines: string[] = [];
    for (const [index, target] of targets.entries()) {
      const choice = choices.find((one) => one === said?.[fieldName(index)]) ?? "no";
      if (choice === "no") this.#decline(`${workspaceId} ${target}`);
      lines.push(await this.#allow(workspaceId, target, choice));
    }
    return lines.join("\n");
  }

  async #allow(
    workspaceId: string,
    target: string,
    choice: (typeof choices)[number],
  ): Promise<string> {
    if (choice === "no") return `Asked just now, nobody allowed ${target}.`;
    const forSeconds = choice === "for 10 minutes" ? onceSeconds : undefined;
    try {
      await (await this.#pyro()).changeNetwork(workspaceId, { allow: [target], forSeconds });
    } catch (error) {
      const why = visibleText(asPyroError(error).message, 300);
      return `The user allowed ${target}, but that could not be done: ${why}`;
    }
    return `Asked just now, the user allowed ${target} ${choice}: try it again.`;
  }

  #decline(what: string): void {
    const [oldest] = this.#declined;
    if (this.#declined.size >= declinedMax && oldest !== undefined) this.#declined.delete(oldest);
    this.#declined.add(what);
  }
}

/** One that says nothing of modes means forms. */
function asksInForms(capabilities: ClientCapabilities | undefined): boolean {
  const { elicitation } = capabilities ?? {};
  return elicitation !== undefined && (elicitation.form !== undefined || !elicitation.url);
}

function formOf(workspaceId: string, questions: readonly Question[]): ElicitRequestFormParams {
  const fields = questions.map(({ target, reason }, index) => [
    fieldName(index),
    {
      type: "string",
      title: `Allow ${target}?`,
      description: visibleText(reason, 300),
      enum: [...choices],
      default: choices[0],
    },
  ]);
  const names = questions.map(({ target }) => target).join(", ");
  return {
    mode: "form",
    message: `A program in workspace ${workspaceId} tried to reach ${names}, which its network rules do not allow.`,
    requestedSchema: {
      type: "object",
      properties: Object.fromEntries(fields),
      required: fields.map(([name]) => String(name)),
    },
  };
}

function fieldName(index: number): string {
  return `target_${index + 1}`;
}
