const machine = "changes the machine the tests run on";
const itself = "is what runs this test; the Makefile is asked whether it has the target";
const agent = "needs the coding agent itself; `make test-hosts` drives the real ones";
const token = "needs somebody's token; test/guest/credentials.test.ts has a host of its own";

/** Commands of the pages that no test can execute, and why. One that no page shows any more fails the test. */
export const leftOut: Readonly<Record<string, string>> = {
  "sudo apt-get install qemu-system-x86 bubblewrap e2fsprogs mmdebstrap uidmap": machine,
  'sudo usermod -aG kvm "$USER"': machine,
  "sudo sysctl kernel.unprivileged_userns_clone=1": machine,
  "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0": machine,
  "make setup": itself,
  "make demo": itself,
  "pyro env pull docker.io/library/python:3.12":
    "needs a public registry; test/guest/oci.test.ts pulls from a local one",
  "pyro workspace create debian:12 --network-policy egress --credential github": token,
  "pyro workspace create debian:12 --network-policy egress --credential github --credential-command 'GITHUB_TOKEN=gh auth token'":
    token,
  "claude mcp add pyro -- pyro mcp serve": agent,
  "codex mcp add pyro -- pyro mcp serve": agent,
  "opencode mcp add pyro -- pyro mcp serve": agent,
};
