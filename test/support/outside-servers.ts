// Servers of another machine, on all its addresses. Prints a line when they listen, and one for each connection that
// comes, and from where, or goes. Ends with its standard input.
import { createServer as createWebServer, type ServerResponse } from "node:http";
import { createServer, type Server } from "node:net";
import { outsidePorts } from "./outside.ts";

const chunk = Buffer.alloc(16 << 10, "x");

function pour(response: ServerResponse): void {
  while (response.write(chunk));
  response.once("drain", () => pour(response));
}

const servers: Record<keyof typeof outsidePorts, Server> = {
  web: createWebServer((request, response) => {
    if (request.url === "/endless") pour(response);
    else response.end("from outside\n");
  }),
  hold: createServer((socket) => socket.resume().write("h")),
  closing: createServer((socket) => socket.resume().end()),
};

for (const [name, server] of Object.entries(servers)) {
  server.on("connection", (socket) => {
    console.log(`opened ${name} ${socket.remoteAddress?.replace("::ffff:", "")}`);
    socket.on("error", () => undefined).on("close", () => console.log(`closed ${name}`));
  });
  const port = outsidePorts[name as keyof typeof outsidePorts];
  await new Promise<void>((resolve) => server.listen({ port, backlog: 1024 }, resolve));
}
console.log("listening");
process.stdin.on("end", () => process.exit()).resume();
