import type http2 from "node:http2";
import type { AgentClient } from "../../channel/agent-client.ts";
import { isObject, parseJsonObject } from "../../model/bounded-json.ts";
import { PyroError } from "../../model/errors.ts";
import { Turns } from "../../platform/turns.ts";
import type { PortRow } from "../../registry/published-ports.ts";
import { now } from "../records/workspace-records.ts";
import { Screens } from "../screens/screens.ts";
import type { Activity } from "./activity.ts";
import { answerSecretsChange } from "./change-secrets.ts";
import type { SupervisedEgress } from "./egress/supervised-egress.ts";
import type { JournalPlace } from "./journal-entry.ts";
import { journaledExec } from "./journaled-exec.ts";
import { callerLeft, type Incoming, passOn, passOnChange, refuse } from "./pass-on.ts";
import type { SupervisedPorts } from "./ports/supervised-ports.ts";
import type { SupervisedServices, WantedService } from "./services/supervised-services.ts";
import { answerOpening, answerReading, passShellOutput } from "./shell-requests.ts";

/** How a workspace's run ends: powered off, given up for a reset or delete, or past its time. */
export type EndMode = "stop" | "kill" | "expire";

/** Of a change: what the journal says about it, JSON in base64. */
export const eventHeader = "x-pyro-event";

export interface RequestContext extends JournalPlace {
  /** The guest's agent; throws while there is none. */
  readonly client: () => AgentClient;
  readonly reasonOfLoss: () => Promise<PyroError>;
  readonly services: SupervisedServices;
  readonly ports: SupervisedPorts;
  readonly activity: Activity;
  /** Undefined where the network policy lets nobody out. */
  readonly egress: SupervisedEgress | undefined;
  readonly end: (mode: EndMode) => Promise<void>;
  /** Leaves the running machine to another supervisor. */
  readonly stepAside: () => void;
}

/**
 * Which requests supervisors answer, and how; a supervisor of an older one makes way for ours. It changes with any of
 * them that an older or newer pyro would misunderstand.
 */
export const supervisorVersion = 3;

/** What all requests to one supervisor share. */
interface Shared {
  readonly changes: Turns;
  readonly screens: Screens;
  /** Requests whose streams are open. */
  openCount: number;
}

type Handler = (incoming: Incoming, context: RequestContext, shared: Shared) => Promise<void>;

/** Answers clients: reads side by side, changes one after another. */
export function serveRequests(server: http2.Http2Server, context: RequestContext): void {
  const shared: Shared = { changes: new Turns(), screens: new Screens(), openCount: 0 };
  server.on("stream", (stream, headers) => {
    shared.openCount++;
    stream.once("close", () => shared.openCount--);
    stream.on("error", () => undefined);
    const method = headers[":method"] ?? "";
    const path = headers[":path"] ?? "";
    const { session } = stream;
    const isConnectionLost = () => session === undefined || session.closed || session.destroyed;
    const redact = (text: string) => context.secrets.knownValues().redactDocument(text);
    const incoming = { stream, method, path, headers, isConnectionLost, redact };
    answer(incoming, context, shared).catch((error: unknown) => refuse(incoming, error));
  });
}

/** Whatever a handler throws, at once or later, becomes that request's refusal. */
async function answer(incoming: Incoming, context: RequestContext, shared: Shared): Promise<void> {
  const handler = handlers[`${incoming.method} ${incoming.path.split("?")[0]}`];
  if (handler === undefined) throw unknownRequest(incoming.path);
  await handler(incoming, context, shared);
}

const read: Handler = (incoming, context) => passOn(incoming, context.client());

/** What somebody does with a shell is activity of the workspace. */
function active(handler: Handler): Handler {
  return async (incoming, context, shared) => {
    await handler(incoming, context, shared);
    context.activity.note();
  };
}

/** One request takes what somebody types for as long as he likes. */
const type: Handler = (incoming, context) => {
  incoming.stream.on("data", () => context.activity.note());
  return passOn(incoming, context.client(), { mayBeSilent: true });
};

const change: Handler = async (incoming, context, { changes }) => {
  using _turn = await takeTurn(incoming, changes);
  await passOnChange(incoming, context.client(), () => recordEvent(incoming, context));
};

const handlers: Readonly<Record<string, Handler>> = {
  "GET /v1/health": read,
  "GET /v1/tree/scan": read,
  "GET /v1/tree/archive": read,
  "POST /v1/tree/archive": read,
  "GET /v1/tree/read": read,
  "POST /v1/tree/mark": read,
  "POST /v1/tree/extract": change,
  "POST /v1/tree/write": change,
  "POST /v1/tree/edit": change,
  "POST /v1/exec": (incoming, context) =>
    journaledExec(incoming, { ...context, client: context.client() }),
  "POST /v1/shell/open": active(async (incoming, context, { screens }) => {
    await answerOpening(incoming, context);
    screens.prepare();
  }),
  "GET /v1/shell/list": read,
  "GET /v1/shell/status": read,
  "GET /v1/shell/output": passShellOutput,
  "POST /v1/shell/input": type,
  "POST /v1/shell/resize": read,
  "POST /v1/shell/signal": active(read),
  "POST /v1/shell/close": active(read),
  "POST /v1/shell/read": active((incoming, context, { screens }) =>
    answerReading(incoming, { ...context, screens }),
  ),
  "POST /v1/secrets/change": answerSecretsChange,
  "POST /v1/credentials/change": answerSecretsChange,
  "POST /v1/sync": read,
  "GET /v1/service/logs": (incoming, context) =>
    passOn(incoming, context.client(), { mayBeSilent: true }),
  "POST /v1/services/start": ask<WantedService>((wanted, { services }) => services.start(wanted)),
  "POST /v1/services/await": ask<Named>(({ name }, { services }, signal) =>
    services.await(name, signal),
  ),
  "POST /v1/services/stop": ask<Named>(({ name }, { services }, signal) =>
    services.stop(name, signal),
  ),
  "POST /v1/services/refresh": ask((_, { services }) => services.refresh()),
  "POST /v1/ports/publish": ask<WantedPort>(async (wanted, { ports }) => {
    const { hostPort } = await ports.publish({ ...wanted, service: null });
    return { host_port: hostPort };
  }),
  "POST /v1/ports/unpublish": ask<WantedPort>(async ({ hostPort }, { ports }) => ({
    unpublished: ports.unpublish(hostPort),
  })),
  "POST /v1/network/recheck": async ({ stream }, { egress }) => {
    egress?.look();
    reply(stream, {});
  },
  "POST /v1/network/flush": async ({ stream }, { egress }) => {
    egress?.flush();
    reply(stream, {});
  },
  "POST /v1/freeze": async (incoming, context, { changes }) => {
    using _turn = await takeTurn(incoming, changes);
    const closed = endOf(incoming);
    await passOn(incoming, context.client(), { answersOpen: true });
    await closed;
  },
  "POST /v1/hold": async (incoming, _context, { changes }) => {
    using _turn = await takeTurn(incoming, changes);
    const closed = endOf(incoming);
    incoming.stream.once("end", () => incoming.stream.end()).resume();
    incoming.stream.respond({ ":status": 200 });
    await closed;
  },
  "GET /v1/supervisor": async ({ stream }) => reply(stream, { version: supervisorVersion }),
  "POST /v1/supervisor/step-aside": async ({ stream }, context, { openCount }) => {
    // This request is one of them.
    if (openCount > 1) throw atWork(context.workspaceId);
    context.stepAside();
    reply(stream, {});
  },
  "POST /v1/end/stop": (incoming, context) => endRun(incoming, context, "stop"),
  "POST /v1/end/kill": (incoming, context) => endRun(incoming, context, "kill"),
};

interface Named {
  readonly name: string;
}

type WantedPort = Pick<PortRow, "hostPort" | "guestPort">;

/** A request of ours in JSON; its signal is aborted when whoever asks goes away. */
function ask<Wanted>(
  act: (wanted: Wanted, context: RequestContext, signal: AbortSignal) => Promise<unknown>,
): Handler {
  return async ({ stream }, context) => {
    const leaving = new AbortController();
    stream.once("close", () => leaving.abort(callerLeft()));
    const chunks: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
    const wanted = parseJsonObject(
      Buffer.concat(chunks),
      (how) => new PyroError("internal", `A request ${how}.`),
    );
    const answered = await act(wanted as Wanted, context, leaving.signal);
    reply(stream, isObject(answered) ? answered : {});
  };
}

/** Waits for earlier changes; a client that left meanwhile must not take its turn, because nothing would end it. */
async function takeTurn({ stream }: Incoming, changes: Turns): Promise<Disposable> {
  const turn = await changes.take();
  if (!stream.destroyed) return turn;
  turn[Symbol.dispose]();
  throw callerLeft();
}

function endOf({ stream }: Incoming): Promise<unknown> {
  return stream.closed
    ? Promise.resolve()
    : new Promise((resolve) => stream.once("close", resolve));
}

async function endRun({ stream }: Incoming, context: RequestContext, mode: EndMode): Promise<void> {
  await context.end(mode);
  reply(stream, {});
}

function reply(stream: http2.ServerHttp2Stream, answer: object): void {
  stream.respond({ ":status": 200, "content-type": "application/json" });
  stream.end(JSON.stringify(answer));
}

function atWork(workspaceId: string): PyroError {
  return new PyroError("workspace_busy", `The supervisor of workspace ${workspaceId} is at work.`, {
    hint: "Wait until its commands have ended.",
  });
}

function recordEvent({ headers }: Incoming, { workspaceId, journal }: RequestContext): void {
  const header = headers[eventHeader];
  if (typeof header !== "string") return;
  const { kind, text } = JSON.parse(Buffer.from(header, "base64").toString("utf8")) as {
    kind: string;
    text: string;
  };
  journal.record({ workspaceId, at: now(), kind, text });
}

function unknownRequest(path: string): PyroError {
  return new PyroError("internal", `The supervisor knows no request ${path}.`);
}
