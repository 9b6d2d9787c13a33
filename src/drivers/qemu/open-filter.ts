const audit = { x86_64: 0xc000003e };
const offsets = { number: 0, architecture: 4, thirdArgument: 32 };
const instructions = { load: 0x20, jumpIfEqual: 0x15, answer: 0x06 };
const answers = { allow: 0x7fff0000, fail: 0x00050000 };
const openat = 257;
const readAndWrite = 2;

/**
 * A system call filter, as bubblewrap loads it, for QEMU before 8.2, which opens the file of a private mapping for reading and
 * writing, though it only reads it. A filter can have a call "fail" with error 0, which its caller takes for its result:
 * QEMU goes on with descriptor 0, and that is the file, opened for reading. Nothing else of QEMU's opens with exactly these
 * flags; `/dev/kvm` is opened with O_CLOEXEC.
 */
export function readOnlyMemoryFilter(): Buffer {
  const program = [
    [instructions.load, 0, 0, offsets.architecture],
    [instructions.jumpIfEqual, 0, 4, audit.x86_64],
    [instructions.load, 0, 0, offsets.number],
    [instructions.jumpIfEqual, 0, 2, openat],
    [instructions.load, 0, 0, offsets.thirdArgument],
    [instructions.jumpIfEqual, 1, 0, readAndWrite],
    [instructions.answer, 0, 0, answers.allow],
    [instructions.answer, 0, 0, answers.fail],
  ] as const;
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, ifTrue, ifFalse, value]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  }
  return bytes;
}
