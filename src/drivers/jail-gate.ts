/** Standard input would be closed for us as soon as whoever starts the jail has done so. */
export const gateFd = 4;

const script = (output: string) =>
  `echo && read -r go <&${gateFd} && input=$1 && shift && exec "$@" < "$input" ${output} ${gateFd}<&-`;

/** Where the monitor reads and writes, by default nowhere. */
export interface MonitorStreams {
  /** As a path inside the jail. */
  readonly stdin?: string | undefined;
  /** An inherited descriptor, which the monitor does not keep beside. */
  readonly stdoutFd?: number | undefined;
}

/**
 * Says that the jail stands and waits for our word before the monitor starts. When we die meanwhile, its pipe ends
 * instead: bubblewrap ties its child to its own life only once the jail stands, and would leave it behind.
 * Standard output is nothing, or a descriptor of one digit, as a plain shell wants it.
 */
export function gateCommand({ stdin = "/dev/null", stdoutFd }: MonitorStreams = {}): string[] {
  const output = stdoutFd === undefined ? "> /dev/null" : `>&${stdoutFd} ${stdoutFd}>&-`;
  return ["/bin/sh", "-c", script(output), "sh", stdin];
}
