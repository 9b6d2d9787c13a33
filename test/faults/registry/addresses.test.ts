import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { LookupFunction } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { pullImage } from "../../../src/environments/oci/pull-image.ts";
import { makeImage, type TestBlob } from "../../support/registry-image.ts";
import {
  DialRecorder,
  failureOf,
  pullFrom,
  temporaryDirectory,
} from "../../support/registry-pull.ts";
import { type Handler, RegistryStub } from "../../support/registry-stub.ts";

const image = makeImage();
const [layer] = image.layers as [TestBlob];
const password = "hunter2";

/** Credentials for every host a test may name, so that a leak would show. */
async function authFileFor(test: TestContext, ...hosts: readonly string[]): Promise<string> {
  const path = join(await temporaryDirectory(test), "config.json");
  const auth = Buffer.from(`ada:${password}`).toString("base64");
  writeFileSync(
    path,
    JSON.stringify({ auths: Object.fromEntries(hosts.map((host) => [host, { auth }])) }),
  );
  return path;
}

function redirecting(suffix: string, location: string, status = 307): Handler {
  return (request, response) => {
    if (!request.url?.endsWith(suffix)) return false;
    response.writeHead(status, { location }).end();
    return true;
  };
}

function challenging(realm: string): Handler {
  return (request, response) => {
    if (request.headers.authorization) return false;
    response
      .writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="registry"` })
      .end();
    return true;
  };
}

/** Pulls, expecting to be refused; nothing but the registry may have been dialled. */
async function refusal(test: TestContext, stub: RegistryStub, canary: RegistryStub) {
  using dials = new DialRecorder();
  const cache = join(await temporaryDirectory(test), "cache");
  const authFile = await authFileFor(test, stub.host, canary.host);
  const failure = await failureOf(pullFrom(stub, cache, { authFile }));
  assert.equal(failure.code, "address_refused", failure.message);
  assert.ok(failure.hint);
  assert.deepEqual(canary.requests, []);
  assert.deepEqual([...new Set(dials.dialled)], [`127.0.0.1:${stub.port}`]);
  return failure;
}

/** Places that no registry may lead to, by host and port of a canary there. */
const targets: Readonly<Record<string, (canary: RegistryStub) => string>> = {
  loopback: ({ host }) => `http://${host}/x`,
  "loopback by TLS": ({ host }) => `https://${host}/x`,
  "loopback by name": ({ port }) => `https://localhost:${port}/x`,
  "loopback as a number": ({ port }) => `https://2130706433:${port}/x`,
  "loopback in hexadecimal": ({ port }) => `https://0x7f.1:${port}/x`,
  "loopback in octal": ({ port }) => `https://0177.0.0.1:${port}/x`,
  "mapped loopback": ({ port }) => `https://[::ffff:127.0.0.1]:${port}/x`,
  "IPv6 loopback": ({ port }) => `https://[::1]:${port}/x`,
  "the unspecified address": ({ port }) => `https://0.0.0.0:${port}/x`,
  "the IPv6 unspecified address": ({ port }) => `https://[::]:${port}/x`,
  "cloud metadata": () => "https://169.254.169.254/latest/meta-data/",
  "cloud metadata without TLS": () => "http://169.254.169.254/latest/meta-data/",
  "cloud metadata by NAT64": () => "https://[64:ff9b::a9fe:a9fe]/latest/",
  "cloud metadata by IPv6": () => "https://[fd00:ec2::254]/latest/",
  "a private network": () => "https://10.0.0.1/x",
  "another private network": () => "https://192.168.1.1/x",
  "an IPv6 link-local address": () => "https://[fe80::1]/x",
  multicast: () => "https://224.0.0.1/x",
  "a user name in the address": ({ host }) => `https://ada:x@${host}/x`,
  "a file": () => "file:///etc/passwd",
  "another protocol": ({ host }) => `gopher://${host}/x`,
};

describe("a registry that leads somewhere else", { timeout: 25_000 }, () => {
  for (const [name, target] of Object.entries(targets)) {
    it(`is refused for a layer redirect to ${name}`, async (test) => {
      await using canary = await RegistryStub.start();
      await using stub = await RegistryStub.start();
      stub.offer(image).handler = redirecting(layer.digest, target(canary));
      await refusal(test, stub, canary);
    });

    it(`is refused for a token server at ${name}`, async (test) => {
      await using canary = await RegistryStub.start();
      await using stub = await RegistryStub.start();
      stub.offer(image).handler = challenging(target(canary));
      await refusal(test, stub, canary);
    });
  }

  it("may not lead to another registry that is listed", async (test) => {
    await using canary = await RegistryStub.start();
    await using stub = await RegistryStub.start();
    for (const location of [`http://${canary.host}/x`, `https://${canary.host}/x`]) {
      stub.offer(image).handler = redirecting(layer.digest, location);
      const failure = await failureOf(
        pullFrom(stub, join(await temporaryDirectory(test), "cache"), {
          insecureRegistries: [stub.host, canary.host],
        }),
      );
      assert.equal(failure.code, "address_refused");
    }
    assert.deepEqual(canary.requests, []);
  });

  it("may name a listed token server of its own, if it is listed itself", async (test) => {
    await using tokens = await RegistryStub.start({
      handler: (_request, response) => {
        response.end('{"token":"x"}');
        return true;
      },
    });
    await using stub = await RegistryStub.start();
    stub.offer(image).handler = challenging(`http://${tokens.host}/token`);
    await pullFrom(stub, join(await temporaryDirectory(test), "cache"), {
      insecureRegistries: [stub.host, tokens.host],
    });
    assert.equal(tokens.requests.length, 1);
  });

  it("names the host and the address", async (test) => {
    await using canary = await RegistryStub.start();
    await using stub = await RegistryStub.start();
    stub.offer(image).handler = redirecting(layer.digest, `https://localhost:${canary.port}/x`);
    const failure = await refusal(test, stub, canary);
    assert.match(failure.message, /"localhost" at "(127\.0\.0\.1|::1)"/);
  });

  for (const [name, path] of [
    ["manifest", "/manifests/v1"],
    ["token server", "/token"],
  ] as const)
    it(`may not redirect the ${name} to another host`, async (test) => {
      await using canary = await RegistryStub.start();
      await using stub = await RegistryStub.start();
      const redirect = redirecting(path, `http://${canary.host}/x`);
      const challenge = challenging(`http://${stub.host}/token`);
      stub.offer(image).handler = async (request, response) =>
        ((request.url ?? "").startsWith("/token") &&
          redirecting("", `http://${canary.host}/x`)(request, response)) ||
        (path === "/token" ? challenge : redirect)(request, response);
      await refusal(test, stub, canary);
    });

  for (const [name, place, location, reason] of [
    ["layer redirect", "layer", "http://public.example/x", /not https/],
    ["token server", "realm", "http://public.example/x", /not https/],
    ["manifest redirect", "manifest", "https://public.example/x", /only layers/],
    ["token redirect", "token", "https://public.example/x", /redirects, which is not followed/],
    ["layer redirect with a user name", "layer", "https://a:b@public.example/x", /user name/],
  ] as const)
    it(`does not even resolve the host of a refused ${name} to ${location}`, async (test) => {
      const resolved: string[] = [];
      const lookup: LookupFunction = (host, _options, callback) => {
        resolved.push(host);
        callback(Object.assign(new TypeError("no such host"), { code: "ENOTFOUND" }), []);
      };
      await using stub = await RegistryStub.start();
      const handlers: Readonly<Record<typeof place, Handler>> = {
        layer: redirecting(layer.digest, location),
        realm: challenging(location),
        manifest: redirecting("/manifests/v1", location),
        token: (request, response) =>
          request.url?.startsWith("/token") === true
            ? redirecting("", location)(request, response)
            : challenging(`http://${stub.host}/token`)(request, response),
      };
      stub.offer(image).handler = handlers[place];
      const cache = join(await temporaryDirectory(test), "cache");
      const failure = await failureOf(pullFrom(stub, cache, { transport: { lookup } }));
      assert.equal(failure.code, "address_refused", failure.message);
      assert.match(failure.message, reason);
      assert.deepEqual(resolved, []);

      // The same lookup is asked where a redirect is in order.
      stub.handler = redirecting(layer.digest, "https://public.example/x");
      const unreachable = await failureOf(pullFrom(stub, cache, { transport: { lookup } }));
      assert.equal(unreachable.code, "registry_unreachable");
      assert.deepEqual(resolved.slice(0, 1), ["public.example"]);
    });

  it("may redirect within itself, but credentials do not follow", async (test) => {
    await using stub = await RegistryStub.start();
    stub.offer(image).handler = async (request, response) => {
      const moved = request.url?.startsWith("/moved/");
      if (moved) {
        request.url = request.url?.slice("/moved".length);
        return false;
      }
      if (!request.headers.authorization) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
        return true;
      }
      response.writeHead(302, { location: `/moved${request.url}` }).end();
      return true;
    };
    const authFile = await authFileFor(test, stub.host);
    await pullFrom(stub, join(await temporaryDirectory(test), "cache"), { authFile });
    const moved = stub.requests.filter(({ path }) => path.startsWith("/moved/"));
    assert.equal(moved.length, 5);
    assert.deepEqual(
      moved.filter(({ headers }) => headers.authorization),
      [],
    );
  });

  it("is named when a layer redirect leads to nothing", async (test) => {
    await using stub = await RegistryStub.start();
    stub.offer(image).handler = redirecting(layer.digest, "/away");
    const failure = await failureOf(pullFrom(stub, join(await temporaryDirectory(test), "cache")));
    assert.equal(failure.code, "registry_lied");
    assert.match(failure.message, /answered 404/);
  });

  it("is given up after 5 of 50 redirects", async (test) => {
    await using stub = await RegistryStub.start({
      handler: (request, response) => {
        const hop = Number(/hop=(\d+)/.exec(request.url ?? "")?.[1] ?? 0);
        if (!request.url?.includes(layer.digest) || hop >= 50) return false;
        response.writeHead(307, { location: `${request.url.split("?")[0]}?hop=${hop + 1}` }).end();
        return true;
      },
    });
    stub.offer(image);
    const failure = await failureOf(pullFrom(stub, join(await temporaryDirectory(test), "cache")));
    assert.equal(failure.code, "registry_lied");
    assert.match(failure.message, /redirects more than 5 times/);
    assert.equal(stub.paths(new RegExp(layer.digest)).length, 6);
  });

  for (const location of ["http://[", "", undefined])
    it(`is refused for the redirect ${JSON.stringify(location)}`, async (test) => {
      await using stub = await RegistryStub.start({
        handler: (request, response) => {
          if (!request.url?.endsWith("/manifests/v1")) return false;
          response.writeHead(302, location === undefined ? {} : { location }).end();
          return true;
        },
      });
      const failure = await failureOf(
        pullFrom(stub, join(await temporaryDirectory(test), "cache")),
      );
      assert.equal(failure.code, "registry_lied");
    });
});

describe("a registry whose name resolves to a private address", { timeout: 25_000 }, () => {
  const lookups: Readonly<Record<string, readonly string[]>> = {
    loopback: ["127.0.0.1"],
    "loopback and metadata": ["127.0.0.1", "169.254.169.254", "::1"],
    "a mapped address": ["::ffff:127.0.0.1"],
    nothing: [],
  };
  for (const [name, addresses] of Object.entries(lookups))
    it(`is not dialled: ${name}`, async (test) => {
      using dials = new DialRecorder();
      const lookup: LookupFunction = (_host, _options, callback) =>
        callback(
          null,
          addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        );
      await using stub = await RegistryStub.start();
      const directory = await temporaryDirectory(test);
      const failure = await failureOf(
        pullImage(`registry.example:${stub.port}/app`, {
          cacheDirectory: join(directory, "cache"),
          authFile: join(directory, "none"),
          insecureRegistries: [stub.host, "registry.example:1", "registry.example"],
          transport: { lookup },
        }),
      );
      assert.equal(failure.code, "address_refused");
      assert.match(failure.message, /"registry\.example"/);
      assert.deepEqual(dials.dialled, []);
      assert.deepEqual(stub.requests, []);
    });

  it("is dialled when exactly this HOST:PORT is listed", async (test) => {
    const lookup: LookupFunction = (_host, _options, callback) =>
      callback(null, [{ address: "127.0.0.1", family: 4 }]);
    await using stub = await RegistryStub.start();
    stub.offer(image);
    const directory = await temporaryDirectory(test);
    await pullImage(`registry.example:${stub.port}/app:v1`, {
      cacheDirectory: join(directory, "cache"),
      authFile: join(directory, "none"),
      insecureRegistries: [`Registry.Example:${stub.port}`],
      transport: { lookup },
    });
  });
});

describe("tokens", { timeout: 25_000 }, () => {
  it("are asked for with the password, once, and used for all requests", async (test) => {
    await using stub = await RegistryStub.start();
    const basic = `Basic ${Buffer.from(`ada:${password}`).toString("base64")}`;
    stub.offer(image).handler = (request, response) => {
      const isToken = request.url?.startsWith("/token?");
      if (isToken) response.end(JSON.stringify({ token: "t0ken" }));
      return isToken || challenging(`http://${stub.host}/token`)(request, response);
    };
    const authFile = await authFileFor(test, stub.host);
    await pullFrom(stub, join(await temporaryDirectory(test), "cache"), { authFile });
    const tokens = stub.requests.filter(({ path }) => path.startsWith("/token"));
    assert.deepEqual(
      tokens.map(({ path, headers }) => [path, headers.authorization]),
      [["/token?service=registry&scope=repository%3Aapp%3Apull", basic]],
    );
    const others = stub.requests.filter(({ headers }) => headers.authorization === "Bearer t0ken");
    assert.equal(others.length, 5);
  });

  it("are renewed once when they run out", async (test) => {
    await using stub = await RegistryStub.start();
    let issued = 0;
    let uses = 0;
    stub.offer(image).handler = (request, response) => {
      if (request.url?.startsWith("/token")) {
        response.end(JSON.stringify({ access_token: `t${++issued}` }));
        uses = 0;
        return true;
      }
      // Good for two requests each.
      if (request.headers.authorization === `Bearer t${issued}` && ++uses <= 2) return false;
      response
        .writeHead(401, { "www-authenticate": `Bearer realm="http://${stub.host}/token"` })
        .end();
      return true;
    };
    const one = makeImage({ layers: [{ size: 10, packing: "tar" }] });
    stub.offer(one);
    await pullFrom(stub, join(await temporaryDirectory(test), "cache"));
    assert.equal(issued, 2);
  });

  it("are renewed once for three layers that are refused together", async (test) => {
    await using stub = await RegistryStub.start();
    const together = Promise.withResolvers<void>();
    let issued = 0;
    let refused = 0;
    stub.offer(image).handler = async (request, response) => {
      if (request.url?.startsWith("/token")) {
        response.end(JSON.stringify({ token: `t${++issued}` }));
        return true;
      }
      const isOld = request.headers.authorization !== "Bearer t2";
      const isLayer = image.layers.some(({ digest }) => request.url?.endsWith(digest));
      if (request.headers.authorization && !(isLayer && isOld)) return false;
      if (isLayer && ++refused === image.layers.length) together.resolve();
      if (isLayer) await together.promise;
      response
        .writeHead(401, { "www-authenticate": `Bearer realm="http://${stub.host}/token"` })
        .end();
      return true;
    };
    await pullFrom(stub, join(await temporaryDirectory(test), "cache"));
    assert.equal(refused, 3);
    assert.equal(issued, 2);
  });

  it("that are refused end the pull", async (test) => {
    await using stub = await RegistryStub.start();
    stub.offer(image).handler = (request, response) => {
      if (request.url?.startsWith("/token")) response.end('{"token":"x"}');
      else
        response
          .writeHead(401, { "www-authenticate": `Bearer realm="http://${stub.host}/token"` })
          .end('{"errors":[{"message":"\u001b[31mno\u009b"}]}');
      return true;
    };
    const failure = await failureOf(pullFrom(stub, await temporaryDirectory(test)));
    assert.equal(failure.code, "registry_denied");
    assert.match(failure.message, /\\x1b\[31mno\\x9b/);
    assert.equal(stub.paths(/^\/token/).length, 1);
  });

  for (const body of ["{}", '{"token":5}', '{"token":"a\\r\\nX: y"}', "nonsense", "[]"])
    it(`are refused as ${body}`, async (test) => {
      await using stub = await RegistryStub.start();
      stub.offer(image).handler = (request, response) => {
        const isToken = request.url?.startsWith("/token");
        if (isToken) response.end(body);
        return isToken || challenging(`http://${stub.host}/token`)(request, response);
      };
      const failure = await failureOf(pullFrom(stub, await temporaryDirectory(test)));
      assert.equal(failure.code, "registry_lied");
    });
});

describe("a registry with TLS", { timeout: 25_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "pyro-registry-"));
  const trusted = getCACertificates("default");
  after(() => {
    setDefaultCACertificates(trusted);
    rmSync(directory, { recursive: true, force: true });
  });
  const keyFile = join(directory, "key.pem");
  const certFile = join(directory, "cert.pem");
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", keyFile, "-out", certFile, "-days", "2", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=DNS:localhost"],
    ],
    { stdio: "ignore" },
  );
  const tls = { key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") };

  it("is not trusted without its authority", async (test) => {
    await using stub = await RegistryStub.start({ tls });
    const failure = await failureOf(pullFrom(stub, join(await temporaryDirectory(test), "cache")));
    assert.equal(failure.code, "registry_unreachable");
    assert.match(failure.hint ?? "", /NODE_EXTRA_CA_CERTS/);
    assert.deepEqual(stub.requests, []);
  });

  it("is spoken to over TLS even when listed, and may not give it up", async (test) => {
    setDefaultCACertificates([...trusted, tls.cert]);
    await using canary = await RegistryStub.start();
    await using stub = await RegistryStub.start({ tls });
    stub.offer(image);
    const authFile = await authFileFor(test, stub.host, canary.host);
    const cacheDirectory = join(await temporaryDirectory(test), "cache");
    await pullFrom(stub, cacheDirectory, { authFile });

    for (const location of [
      `http://${canary.host}/x`,
      `http://localhost:${stub.port}/x`,
      "http://example.com/x",
    ])
      for (const path of ["/manifests/v1", layer.digest]) {
        stub.handler = redirecting(path, location);
        const failure = await failureOf(
          pullFrom(stub, join(await temporaryDirectory(test), "cache"), { authFile }),
        );
        assert.equal(failure.code, "address_refused");
        assert.match(failure.message, /gives up encryption/);
      }
    assert.deepEqual(canary.requests, []);
  });
});
