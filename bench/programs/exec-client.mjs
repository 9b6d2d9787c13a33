// Runs many commands in one workspace, several at a time; arguments: id, count, how many at a time, our number.
// Prints how many ended with the exit code and the bytes they should.
import { Pyro } from "../../dist/index.js";

const [id, count, parallel, client] = process.argv.slice(2);
using pyro = new Pyro();
let next = 0;
let right = 0;
const wrong = [];

async function work() {
  for (let index = next++; index < Number(count); index = next++) {
    const [word, code] = [`${client}-${index}`, index % 126];
    const script = `for i in 1 2 3 4; do echo ${word}; echo e${word} >&2; done; exit ${code}`;
    const command = ["sh", "-c", script];
    const result = await pyro.execWorkspace(id, { command, timeoutSeconds: 120 });
    const { exitCode, stdout, stderr } = result;
    const isRight =
      exitCode === code && stdout === `${word}\n`.repeat(4) && stderr === `e${word}\n`.repeat(4);
    if (isRight) right++;
    else wrong.push(JSON.stringify({ word, code, exitCode, stdout, stderr }));
  }
}

await Promise.all(Array.from({ length: Number(parallel) }, work));
process.stdout.write(JSON.stringify({ right, wrong: wrong.slice(0, 3) }));
