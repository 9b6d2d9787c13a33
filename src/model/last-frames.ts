/** Sequences that clear the line or its rest, as programs write them around each frame. */
const lineErasers = /\u001b\[[0-2]?K/g;

/**
 * The output of a command with each line as a terminal leaves it: of the frames that carriage returns separate, the last
 * that shows anything. Only for output: in a file's content it would hide what stands there.
 */
export function lastFrames(output: string): string {
  if (!output.includes("\r")) return output;
  return output.replaceAll("\r\n", "\n").split("\n").map(lastFrame).join("\n");
}

function lastFrame(line: string): string {
  for (let end = line.length; ; ) {
    const begin = line.lastIndexOf("\r", end - 1) + 1;
    const frame = begin === 0 && end === line.length ? line : erased(line.slice(begin, end));
    if (begin <= 1 || frame.trim() !== "") return frame;
    end = begin - 1;
  }
}

function erased(frame: string): string {
  return frame.replaceAll(lineErasers, "");
}
