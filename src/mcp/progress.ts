import type { ServerContext } from "@modelcontextprotocol/server";

/** Often enough for every client that waits longer while it hears something. */
const intervalMs = 4_000;
const stepIntervalMs = 500;

/** Tells the client, if it asked, that a call is at work. */
export interface Progress extends Disposable {
  report(step: string): void;
}

export function startProgress({ mcpReq }: ServerContext, title: string): Progress {
  const token = mcpReq._meta?.progressToken;
  if (token === undefined) return { report: () => undefined, [Symbol.dispose]: () => undefined };
  const startedAt = performance.now();
  let step = title;
  let toldAt = startedAt;
  let told = 0;
  const tell = () => {
    toldAt = performance.now();
    const seconds = (toldAt - startedAt) / 1000;
    // It has to rise.
    told = Math.max(told + 0.001, Math.round(seconds * 1000) / 1000);
    const message = `${step} (${Math.round(seconds)} s)`;
    mcpReq
      .notify({
        method: "notifications/progress",
        params: { progressToken: token, progress: told, message },
      })
      // The client is gone; its call is being ended for that anyway.
      .catch(() => undefined);
  };
  const timer = setInterval(tell, intervalMs);
  return {
    report: (next) => {
      step = `${title}: ${next}`;
      if (performance.now() - toldAt > stepIntervalMs) tell();
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
