import type { Socket } from "node:net";

/** Longer than the answer can be, with a port number of 32 bits. */
const answerBytesMax = 32;
/** A guest that has just been restored may never see a request that was made too early. */
const answerDeadlineMs = 2_000;

/**
 * Asks Firecracker for a connection to `port` of its guest, over a socket that it listens on. Answers whether it was made;
 * from then on the socket carries it.
 */
export function connectToGuest(socket: Socket, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = "";
    const settle = (isConnected: boolean) => {
      clearTimeout(timer);
      socket.off("readable", read);
      socket.off("close", lost);
      socket.off("error", lost);
      if (!isConnected) socket.on("error", () => undefined).destroy();
      resolve(isConnected);
    };
    const lost = () => settle(false);
    const read = () => {
      // A byte at a time: what follows the line is the guest's.
      for (let byte = socket.read(1); byte !== null; byte = socket.read(1)) {
        answer += byte.toString("latin1");
        if (answer.endsWith("\n")) return settle(/^OK \d+\n$/.test(answer));
        if (answer.length > answerBytesMax) return lost();
      }
    };
    const timer = setTimeout(lost, answerDeadlineMs);
    socket.on("readable", read);
    socket.once("close", lost);
    socket.once("error", lost);
    socket.write(`CONNECT ${port}\n`);
  });
}
