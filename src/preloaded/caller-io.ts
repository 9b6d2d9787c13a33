import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { IO } from "../cli/io.ts";
import type { Call } from "./await-call.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** The caller's terminal, as far as a command touches it. Signals that it gets come to this process. */
export function callerIO({ request, control, streams }: Call): IO {
  const { inputKind, stdoutIsTerminal, stderrIsTerminal } = request;
  let { columns, rows } = request;
  createInterface({ input: control }).on("line", (line) => {
    const [what, first = "", second = ""] = line.split(" ");
    if (what === "size") [columns, rows] = [Number(first), Number(second)];
    const signal = signals.find((name) => what === "signal" && name === first);
    if (signal !== undefined) process.kill(process.pid, signal);
  });
  const [input, stdout, stderr] = streams;
  return {
    stdin: readOnDemand(input, () => control.write("read\n")),
    inputKind,
    ...{ stdout, stderr, stdoutIsTerminal, stderrIsTerminal },
    color: stdoutIsTerminal && !request.environment.NO_COLOR,
    get width() {
      return columns || 80;
    },
    get height() {
      return rows || 24;
    },
  };
}

/** What nobody reads stays where it is: the caller's shell may want it next. */
function readOnDemand(socket: Readable, ask: () => void): Readable {
  let isAsked = false;
  const input = new Readable({
    read: () => {
      if (!isAsked) ask();
      isAsked = true;
      socket.resume();
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket
    .on("data", (chunk: Buffer) => {
      if (!input.push(chunk)) socket.pause();
    })
    .pause()
    .once("end", () => input.push(null));
  return input;
}
