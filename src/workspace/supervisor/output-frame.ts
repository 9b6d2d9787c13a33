import { type Frame, frameKind } from "../../channel/frames.ts";

export type OutputKind = typeof frameKind.stdout | typeof frameKind.stderr;

export interface OutputFrame extends Frame {
  readonly kind: OutputKind;
}

export function isOutput(frame: Frame): frame is OutputFrame {
  return frame.kind === frameKind.stdout || frame.kind === frameKind.stderr;
}
