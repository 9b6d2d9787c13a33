/** Standard input would be closed for us as soon as whoever starts the jail has done so. */
export const gateFd = 4;

const script = `echo && read -r go <&${gateFd} && input=$1 && shift && exec "$@" < "$input" > /dev/null ${gateFd}<&-`;

/**
 * Says that the jail stands and waits for our word before the monitor starts. When we die meanwhile, its pipe ends
 * instead: bubblewrap ties its child to its own life only once the jail stands, and would leave it behind.
 */
export function gateCommand(stdin = "/dev/null"): string[] {
  return ["/bin/sh", "-c", script, "sh", stdin];
}
