import { request as startRequest } from "node:http";
import type { Socket } from "node:net";
import { PyroError } from "../../model/errors.ts";

/** Firecracker's words about a request it refuses are a sentence. */
const answerBytesMax = 64 * 1024;
/** Writing the memory of a large guest to a slow disk takes most of it. */
const deadlineMs = 120_000;

/** One request that changes something. */
export interface ApiRequest {
  readonly method: "PUT" | "PATCH";
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What Firecracker answered to a request that it did not carry out. */
export class ApiRefusal extends PyroError {
  constructor({ method, path }: ApiRequest, said: string) {
    super("vmm_failed", `Firecracker refused ${method} ${path}: ${said}`, {
      hint: "Run pyro doctor.",
    });
  }
}

/**
 * Makes one request over a connection of its own. Throws an `ApiRefusal` when it is refused, or not answered in time, and
 * `guest_lost` when the connection ends, as it does with the process.
 */
export function callApi(
  socket: Socket,
  call: ApiRequest,
  timeoutMs: number = deadlineMs,
): Promise<void> {
  const { method, path, body } = call;
  const text = JSON.stringify(body);
  const headers = {
    accept: "application/json",
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  };
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => settle(new ApiRefusal(call, `no answer within ${timeoutMs / 1000} s.`)),
      timeoutMs,
    );
    const settle = (error?: PyroError) => {
      clearTimeout(timer);
      if (error === undefined) resolve();
      else reject(error);
      socket.destroy();
    };
    const broken = (cause: unknown) =>
      settle(
        new PyroError("guest_lost", `Firecracker closed its control socket at ${method} ${path}.`, {
          cause,
        }),
      );
    const request = startRequest({ createConnection: () => socket, method, path, headers });
    request.once("error", broken);
    request.once("response", (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        answer += chunk;
        if (answer.length > answerBytesMax) settle(new ApiRefusal(call, "an endless answer."));
      });
      response.once("error", broken);
      response.once("end", () => {
        const { statusCode = 0 } = response;
        if (statusCode >= 200 && statusCode < 300) settle();
        else settle(new ApiRefusal(call, faultIn(answer) ?? `status ${statusCode}.`));
      });
    });
    request.end(text);
  });
}

function faultIn(answer: string): string | undefined {
  try {
    const { fault_message: said } = JSON.parse(answer) as { fault_message?: unknown };
    return typeof said === "string" && said !== "" ? said : undefined;
  } catch {
    return undefined;
  }
}
