import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  apiHost,
  formatReference,
  isImageReference,
  parseReference,
} from "../../../../src/environments/oci/reference.ts";
import { PyroError } from "../../../../src/model/errors.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

const canonical: Readonly<Record<string, string>> = {
  debian: "docker.io/library/debian:latest",
  "debian:12": "docker.io/library/debian:12",
  "team/app": "docker.io/team/app:latest",
  "docker.io/debian": "docker.io/library/debian:latest",
  "index.docker.io/team/app:1": "docker.io/team/app:1",
  "registry-1.docker.io/library/debian": "docker.io/library/debian:latest",
  "docker.io/library/python:3.12": "docker.io/library/python:3.12",
  "ghcr.io/a/b/c/d:v1.2.3-rc.1": "ghcr.io/a/b/c/d:v1.2.3-rc.1",
  "GHCR.io/a/b": "ghcr.io/a/b:latest",
  "localhost/x": "localhost/x:latest",
  "localhost:5000/x": "localhost:5000/x:latest",
  "localhost:5000/x:1": "localhost:5000/x:1",
  "127.0.0.1:5000/x/y": "127.0.0.1:5000/x/y:latest",
  "[::1]:5000/x": "[::1]:5000/x:latest",
  "[2001:db8::1]/x:y": "[2001:db8::1]/x:y",
  "a.b/c__d/e--f/g.h": "a.b/c__d/e--f/g.h:latest",
  [`debian@${digest}`]: `docker.io/library/debian@${digest}`,
  [`host:1/x:tag@${digest}`]: `host:1/x:tag@${digest}`,
  "x:_TAG": "docker.io/library/x:_TAG",
};

const refused: ReadonlyArray<readonly [text: string, message: RegExp]> = [
  ["", /has 0 characters/],
  ["x".repeat(1025), /has 1025 characters/],
  ["https://ghcr.io/a/b", /is a URL/],
  ["docker://debian", /is a URL/],
  ["/debian", /repository name "\/debian"/],
  ["team//app", /repository name/],
  ["team/app/", /repository name/],
  ["Team/app", /repository name "Team\/app"/],
  ["ghcr.io/Team/app", /repository name "Team\/app"/],
  ["a..b/../etc/passwd", /registry "a\.\.b"/],
  ["team/../etc", /repository name/],
  ["te_-am/app", /repository name/],
  ["a___b", /repository name/],
  ["-a/b", /repository name/],
  ["team/app:", /tag ""/],
  ["team/app:-x", /tag "-x"/],
  [`team/app:${"x".repeat(129)}`, /tag "x+"/],
  ["team/app:a b", /tag "a b"/],
  ["team/app@sha256:abc", /digest "sha256:abc"/],
  [`team/app@${digest.toUpperCase()}`, /digest "SHA256/],
  ["team/app@sha512:00", /digest/],
  ["team/app@", /digest ""/],
  ["host:0/x", /registry "host:0"/],
  ["host:65536/x", /registry "host:65536"/],
  ["host:port/x", /registry "host:port"/],
  ["host:/x", /registry "host:"/],
  ["a..b/x", /registry/],
  ["-a.b/x", /registry/],
  ["[::1/x", /registry/],
  ["[nonsense]:5/x", /registry/],
  ["1.2.3.400/x", /registry/],
  ["user@host/x", /digest "host\/x"/],
  [`a.b/${"x/".repeat(130)}x`, /over 255 characters/],
  ["team/\u001b[2J", /"team\/\\x1b\[2J" has the repository name/],
  ["team/app\n", /repository name/],
];

describe("parseReference", () => {
  for (const [text, expected] of Object.entries(canonical))
    it(`spells ${text} out`, () => {
      const reference = parseReference(text);
      assert.equal(formatReference(reference), expected);
      assert.deepEqual(parseReference(expected), reference);
    });

  for (const [text, message] of refused)
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.throws(
        () => parseReference(text),
        (error) => {
          assert.ok(error instanceof PyroError);
          assert.equal(error.code, "invalid_argument");
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /\p{Cc}/u);
          assert.ok(error.hint);
          return true;
        },
      );
    });

  it("suggests the lower-case name", () => {
    assert.throws(() => parseReference("ghcr.io/Team/App:V1"), {
      hint: /"ghcr\.io\/team\/app:V1"/,
    });
  });

  it("stays fast on names made to slow it down", () => {
    const started = performance.now();
    for (const part of ["a-", "a.", "a_", "a"])
      assert.throws(() => parseReference(`${part.repeat(500)}/!`.slice(0, 1024)));
    assert.ok(performance.now() - started < 1000);
  });
});

describe("references", () => {
  it("are what contains a slash", () => {
    assert.equal(isImageReference("debian:12"), false);
    assert.equal(isImageReference("team/app"), true);
  });

  it("to docker.io go to its API host", () => {
    assert.equal(apiHost("docker.io"), "registry-1.docker.io");
    assert.equal(apiHost("localhost:5000"), "localhost:5000");
  });
});
