import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ownRegistries } from "../../../src/network/own-registries/own-registries.ts";

interface Row {
  readonly what: string;
  /** Path below `home` or `etc`, and the text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly found: readonly string[];
}

const rows: readonly Row[] = [
  { what: "nothing is set", found: [] },
  {
    what: "pip's variables",
    environment: {
      PIP_INDEX_URL: "https://user:pass%40word@pip.example/simple",
      PIP_EXTRA_INDEX_URL: "http://a.example:3141/root/pypi  https://B.example./x",
    },
    found: ["a.example:3141", "b.example:443", "pip.example:443"],
  },
  {
    what: "pip's files",
    files: {
      "etc/pip.conf": "[global]\nindex-url = https://system.example/simple\n",
      "home/.config/pip/pip.conf":
        "# index-url = https://comment.example/\n[install]\nindex_url: https://user.example:8443/s\nextra-index-url =\n    https://one.example/simple\n    # https://two.example/\n    https://three.example/simple\ntrusted-host = other.example\n",
      "home/.pip/pip.conf": "[global]\r\nextra-index-url = https://old.example/simple\r\n",
    },
    found: [
      "old.example:443",
      "one.example:443",
      "system.example:443",
      "three.example:443",
      "user.example:8443",
    ],
  },
  {
    what: "uv's variables",
    environment: {
      UV_INDEX_URL: "https://a.example/s",
      UV_DEFAULT_INDEX: "https://b.example/s",
      UV_INDEX: "corp=https://c.example/s https://d.example/s",
    },
    found: ["a.example:443", "b.example:443", "c.example:443", "d.example:443"],
  },
  {
    what: "uv's file",
    files: {
      "home/.config/uv/uv.toml":
        'index-url = "https://a.example/s"\nextra-index-url = ["https://b.example/s"]\n[[index]]\nname = "c"\nurl = "https://c.example:444/s"\n[pip]\nindex-url = "https://d.example/s"\n',
      "etc/uv/uv.toml": '[[index]]\nurl = "https://e.example/s"\n',
    },
    found: ["a.example:443", "b.example:443", "c.example:444", "d.example:443", "e.example:443"],
  },
  {
    what: "npm's variables, whatever their case",
    environment: {
      npm_config_registry: "https://a.example/npm/",
      "npm_config_@corp:registry": "https://b.example/",
    },
    found: ["a.example:443", "b.example:443"],
  },
  {
    what: "npm's, pnpm's and Yarn's files",
    files: {
      "home/.npmrc":
        "; registry=https://comment.example/\nregistry = https://$\u007bNPM_HOST}/npm/\n@corp:registry=https://scope.example:4873\n//token.example/:_authToken=secret\n",
      "etc/npmrc": 'registry="https://system.example"\n',
      "usr/local/etc/npmrc": "@b:registry = https://local.example/\n",
      "home/.config/pnpm/rc": "registry=https://pnpm.example/\n",
      "home/.yarnrc":
        '# x\nregistry "https://classic.example/"\n"@a:registry" "https://scoped.example"\n',
      "home/.yarnrc.yml":
        'npmRegistryServer: "https://$\u007bYARN_HOST:-berry.example}/npm" # ours\nnpmScopes:\n  corp:\n    npmRegistryServer: https://berry-scope.example:1234\n',
    },
    environment: { NPM_HOST: "home.example" },
    found: [
      "berry-scope.example:1234",
      "berry.example:443",
      "classic.example:443",
      "home.example:443",
      "local.example:443",
      "pnpm.example:443",
      "scope.example:4873",
      "scoped.example:443",
      "system.example:443",
    ],
  },
  {
    what: "Cargo's file and variables",
    files: {
      "home/.cargo/config.toml":
        '[source.crates-io]\nreplace-with = "corp"\n[source.corp]\nregistry = "sparse+https://index.example/api/"\n[source.vendored]\ndirectory = "/srv/vendor"\n[registries.other]\nindex = "ssh://git@forge.example/index.git"\n',
    },
    environment: { CARGO_REGISTRIES_THIRD_INDEX: "sparse+https://third.example:8443/" },
    found: ["forge.example:22", "index.example:443", "third.example:8443"],
  },
  {
    what: "Go's file, whose last line counts",
    files: {
      "home/.config/go/env":
        "GOFLAGS=-mod=mod\nGOPROXY=https://old.example\nGOPROXY=https://a.example,http://b.example:8081|direct\n",
    },
    found: ["a.example:443", "b.example:8081"],
  },
  {
    what: "Go's variable, which wins over its file",
    files: { "home/.config/go/env": "GOPROXY=https://a.example\n" },
    environment: { GOPROXY: "off" },
    found: [],
  },
  {
    what: "apt's sources",
    files: {
      "etc/apt/sources.list":
        "# deb http://comment.example/ x main\ndeb http://a.example/debian bookworm main\ndeb-src [arch=amd64 signed-by=/k] https://b.example:8443/x ./\ndeb cdrom:[Disk] x main\n",
      "etc/apt/sources.list.d/one.list": "deb mirror+http://c.example/list x main\n",
      "etc/apt/sources.list.d/two.sources":
        "Types: deb\nURIs: http://d.example/debian\n https://e.example/debian\n# URIs: http://comment.example\nSuites: x\n\nEnabled: no\nURIs: http://off.example/\n\nuris: https://f.example/\n",
      "etc/apt/sources.list.d/three.list.disabled": "deb http://disabled.example/ x main\n",
    },
    found: [
      "a.example:80",
      "b.example:8443",
      "c.example:80",
      "d.example:80",
      "e.example:443",
      "f.example:443",
    ],
  },
  {
    what: "Maven's mirrors",
    files: {
      "home/.m2/settings.xml":
        "<settings><!-- <url>https://comment.example</url> --><mirrors><mirror>\n<url> https://a.example/maven2 </url></mirror></mirrors><url>https://b.example:8081/</url><!-- <url>https://never.example</url>",
    },
    found: ["a.example:443", "b.example:8081"],
  },
  {
    what: "what is no host that a client would reach by its name",
    environment: {
      PIP_INDEX_URL: "http://localhost:3141/ http://10.0.0.5/ http://[fd00::5]/ http://127.1/",
      PIP_EXTRA_INDEX_URL: "file:///srv/wheels /srv/wheels ftp://ftp.example/ https:// nonsense",
      UV_INDEX: "https://-bad-.example/ https://*.example/ https://a.localhost/ https://x:99999/",
      GOPROXY: "direct",
    },
    found: [],
  },
  {
    what: "damaged files, beside good ones",
    files: {
      "home/.cargo/config.toml": '[source\nregistry = "https://a.example"',
      "home/.config/uv/uv.toml": "index-url = 5\nindex = [1, 'x']\npip = 'x'\n",
      "etc/pip.conf": "\u0000\u0001[[[\n=\n  \n: https://b.example\n",
      "home/.npmrc": `registry=https://big.example/\n${"#".repeat(256 * 1024)}`,
      "home/.m2/settings.xml": "<url>https://c.example<url>".repeat(3),
      "etc/npmrc": "registry=https://good.example/\n",
    },
    found: ["good.example:443"],
  },
];

describe("the registries of this machine's own package managers", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "pyro-registries-"));
    mkdirSync(join(root, "home"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const read = (environment: Record<string, string> = {}) =>
    ownRegistries({
      environment: { HOME: join(root, "home"), ...environment },
      etc: join(root, "etc"),
    });

  for (const { what, files = {}, environment = {}, found } of rows)
    it(what, () => {
      for (const [path, text] of Object.entries(files)) write(path, text);
      assert.deepEqual(read(environment), found);
    });

  it("looks where the environment says that settings are", () => {
    write("elsewhere/pip/pip.conf", "[global]\nindex-url = https://a.example/\n");
    write("elsewhere/go/env", "GOPROXY=https://b.example\n");
    write("cargo/config.toml", '[registries.x]\nindex = "sparse+https://c.example/"\n');
    write("pip.ini", "[global]\nindex-url = https://d.example/\n");
    write("npmrc", "registry=https://e.example/\n");
    write("goenv", "GOPROXY=https://f.example\n");
    const found = read({
      XDG_CONFIG_HOME: join(root, "elsewhere"),
      CARGO_HOME: join(root, "cargo"),
      PIP_CONFIG_FILE: join(root, "pip.ini"),
      npm_config_userconfig: join(root, "npmrc"),
    });
    assert.deepEqual(found, [
      "a.example:443",
      "b.example:443",
      "c.example:443",
      "d.example:443",
      "e.example:443",
    ]);
    assert.deepEqual(read({ GOENV: join(root, "goenv") }), ["f.example:443"]);
  });

  it("waits for no pipe, and reads no device and no directory", () => {
    write("etc/pip.conf", "[global]\nindex-url = https://a.example/\n");
    execFileSync("mkfifo", [join(root, "home", ".npmrc")]);
    symlinkSync("/dev/zero", join(root, "home", ".yarnrc"));
    mkdirSync(join(root, "home", ".yarnrc.yml"));
    assert.deepEqual(read(), ["a.example:443"]);
  });

  it("follows so many and no more", () => {
    const many = Array.from({ length: 100 }, (_, at) => `https://h${at}.example/`).join(" ");
    assert.equal(read({ PIP_INDEX_URL: many }).length, 64);
  });

  it("is done with text that is made to keep it", () => {
    for (const text of ["<!--", "<url>", "deb [", "\n ", "${", "a=", "[["])
      for (const path of [
        "home/.m2/settings.xml",
        "etc/apt/sources.list",
        "etc/pip.conf",
        "home/.npmrc",
        "home/.cargo/config.toml",
        "home/.yarnrc.yml",
      ])
        write(path, text.repeat(250_000 / text.length));
    assert.deepEqual(read({ npm_config_registry: "${".repeat(60_000) }), []);
  });
});
