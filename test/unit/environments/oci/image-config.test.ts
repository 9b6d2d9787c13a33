import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseImageConfig } from "../../../../src/environments/oci/image-config.ts";

const bare = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } };
const parse = (document: object) => parseImageConfig(Buffer.from(JSON.stringify(document)), 0);
const asked = (config: unknown) => parse({ ...bare, config }).config;

describe("an image config", () => {
  it("has defaults for what it leaves out", () => {
    for (const config of [undefined, null, {}, { Env: null, Cmd: null, Labels: null, User: null }])
      assert.deepEqual(asked(config), {
        env: [],
        workingDirectory: "/",
        user: "",
        entrypoint: [],
        command: [],
      });
  });

  it("may name the users that images name", () => {
    for (const user of ["", "0", "root", "1000:1000", "www-data:www-data", "user.name"])
      assert.equal(asked({ User: user }).user, user);
    for (const [user, meant] of [
      [":5", "0:5"],
      ["app:", "app"],
      [":", ""],
    ])
      assert.equal(asked({ User: user }).user, meant);
    for (const user of ["a:b:c", "a\nb", "\u001b[2J", "x".repeat(257)])
      assert.throws(() => asked({ User: user }), { code: "registry_lied" });
  });

  it("loses entries of Env that name no variable, and nothing else of it", () => {
    const env = [
      "PATH=/bin",
      "PLACEHOLDER",
      "EMPTY=",
      "=x",
      "",
      null,
      "A\nB=c",
      "odd name=1",
      "a=b=c",
    ];
    assert.deepEqual(asked({ Env: env }).env, ["PATH=/bin", "EMPTY=", "odd name=1", "a=b=c"]);
  });

  it("may name a working directory from the root, or without saying so", () => {
    for (const [path, meant] of [
      ["", "/"],
      ["srv/app", "/srv/app"],
      ["/srv/../app/./x/", "/app/x"],
      ["../../etc", "/etc"],
    ])
      assert.equal(asked({ WorkingDir: path }).workingDirectory, meant);
  });

  it("may have any labels: nothing reads them", () => {
    asked({ Labels: { big: "x".repeat(1 << 20), "\u001b[2J": "x", nothing: null } });
  });

  it("is for the guest's platform, by any of its names or by none", () => {
    const { rootfs } = bare;
    for (const platform of [
      {},
      { os: "", architecture: null },
      { os: "Linux", architecture: "x86_64" },
      { architecture: "x86-64" },
    ])
      parse({ ...platform, rootfs });
    for (const platform of [
      { os: "linux", architecture: "arm64" },
      { os: "windows" },
      { os: {}, architecture: "amd64" },
    ])
      assert.throws(() => parse({ ...platform, rootfs }), {
        code: "registry_lied",
        message: /not for linux\/amd64/,
      });
  });

  it("lists no layers where there are none", () => {
    assert.deepEqual(parse({ rootfs: { type: "layers", diff_ids: null } }).diffIds, []);
  });
});
