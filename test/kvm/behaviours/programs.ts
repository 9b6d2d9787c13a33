import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Neighbour } from "../../support/neighbour.ts";
import type { Behaviour } from "../behaviour.ts";

const web = `import http.server
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'hello')
http.server.HTTPServer(('127.0.0.1', 8000), H).serve_forever()`;

/** What stays in a workspace, and what goes out of it. */
export const programs: readonly Behaviour[] = [
  {
    name: "a shell keeps its state on a terminal of its own",
    async hold(place) {
      const id = await place.shared();
      const timeoutSeconds = 30 * place.patience;
      const { shellId } = await place.pyro.openShell(id, { command: ["sh"] });
      const read = (options: object) =>
        place.pyro.readShell(id, shellId, { plain: true, timeoutSeconds, ...options });
      await place.pyro.writeShell(id, shellId, { input: "x=4$((1+1)); stty size" });
      const { nextCursor } = await read({ waitFor: "30 120" });
      await place.pyro.writeShell(id, shellId, { input: 'echo "is $x"' });
      const said = await read({ cursor: nextCursor, waitFor: "is 42" });
      assert.equal(said.matched, true, said.output);
      await place.pyro.writeShell(id, shellId, { input: "sleep 600" });
      await place.pyro.writeShell(id, shellId, { keys: ["ctrl-c"] });
      await place.pyro.writeShell(id, shellId, { input: "exit 7" });
      const ended = await read({ waitFor: "never shown" });
      assert.deepEqual([ended.state, ended.exitCode], ["ended", 7]);
      await place.pyro.closeShell(id, shellId);
    },
  },
  {
    name: "a service is ready when it says so, and reached by a published port",
    seconds: 90,
    async hold(place) {
      const { workspaceId: id } = await place.create({ networkPolicy: "egress+published-ports" });
      const readyTimeoutSeconds = 60 * place.patience;
      const service = await place.pyro.startService(id, "web", {
        command: ["python3", "-c", web],
        readiness: { kind: "http", url: "http://127.0.0.1:8000/" },
        readyTimeoutSeconds,
      });
      assert.deepEqual([service.state, service.readiness.ready], ["running", true]);
      const { hostPort } = await place.pyro.publishPort(id, { guestPort: 8000 });
      const answer = await fetch(`http://127.0.0.1:${hostPort}/`);
      assert.equal(await answer.text(), "hello");
      const stopped = await place.pyro.stopService(id, "web");
      assert.equal(stopped.state, "stopped");
      await place.pyro.deleteWorkspace(id);
    },
  },
  {
    name: "a workspace reaches what its rules allow, and nothing else",
    seconds: 90,
    async hold(place) {
      using neighbour = await Neighbour.start();
      const { target } = neighbour;
      const { workspaceId: id } = await place.create({
        networkPolicy: "egress",
        allowHosts: [target],
      });
      assert.equal(await place.sh(id, `curl -sS http://${target}/`), "from outside\n");
      const denied = await place.exec(
        id,
        "curl -sS http://10.11.12.13/ -o /dev/null -w '%{http_code}'",
      );
      assert.equal(denied.stdout, "403");
      assert.deepEqual(denied.deniedConnections, [
        { host: "10.11.12.13", port: 80, rule: "default deny private", count: 1 },
      ]);
      await place.pyro.deleteWorkspace(id);
      const closed = await place.exec(await place.shared(), `curl -sS http://${target}/`);
      assert.notEqual(closed.exitCode, 0);
    },
  },
  {
    name: "a secret is there for the command that asks, and in no output",
    async hold(place) {
      const value = `canary-${randomBytes(9).toString("hex")}`;
      const { workspaceId: id } = await place.create({ secrets: [{ name: "TOKEN", value }] });
      const secretEnv = { TOKEN: "T" };
      const line = 'printf %s "$T" | wc -c; echo "$T"; printf %s "$T" | base64';
      const { stdout } = await place.exec(id, line, { secretEnv });
      assert.match(stdout, new RegExp(`^${value.length}\\n`));
      assert.ok(!stdout.includes(value) && !stdout.includes(btoa(value)), "it is shown");
      assert.equal((await place.exec(id, 'echo "$T"')).stdout, "\n");
      await place.pyro.deleteWorkspace(id);
    },
  },
];
