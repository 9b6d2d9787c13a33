import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { issueForHost } from "../../../../src/network/broker/certificates.ts";
import { makeWorkspaceCa } from "../../../../src/network/broker/workspace-ca.ts";

const dayMs = 86_400_000;

describe("certificates of a workspace", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

  it("are signed by an authority that is the workspace's own", async () => {
    const [ca, other] = [await makeWorkspaceCa(), await makeWorkspaceCa()];
    const [signer, stranger] = [ca, other].map(
      ({ certificatePem }) => new X509Certificate(certificatePem),
    ) as [X509Certificate, X509Certificate];
    assert.ok(signer.ca && signer.verify(signer.publicKey));
    assert.notEqual(signer.subject, stranger.subject);
    const certificate = new X509Certificate(
      issueForHost(ca, "a.example", publicKey).certificatePem,
    );
    assert.ok(certificate.checkIssued(signer) && certificate.verify(signer.publicKey));
    assert.ok(!certificate.verify(stranger.publicKey));
    assert.ok(certificate.checkPrivateKey(privateKey));
    assert.ok(!certificate.ca);
  });

  it("are about one host, servers and thirty days", async () => {
    const ca = await makeWorkspaceCa();
    const long = `${"a".repeat(60)}.${"b".repeat(60)}.example`;
    for (const host of ["a.example", long]) {
      const issued = issueForHost(ca, host, publicKey);
      const certificate = new X509Certificate(issued.certificatePem);
      assert.equal(certificate.subjectAltName, `DNS:${host}`);
      assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
      assert.equal(certificate.checkHost(host), host);
      assert.equal(certificate.checkHost(`www.${host}`), undefined);
      const { validFromDate, validToDate } = certificate;
      assert.equal(validToDate.getTime(), issued.validToMs);
      assert.ok(validToDate.getTime() - validFromDate.getTime() <= 30 * dayMs);
      assert.ok(validFromDate.getTime() < Date.now() - dayMs / 2);
    }
  });

  it("differ in their serial number, which is no negative one", async () => {
    const ca = await makeWorkspaceCa();
    const serials = Array.from({ length: 50 }, () => {
      const issued = issueForHost(ca, "a.example", publicKey);
      return new X509Certificate(issued.certificatePem).serialNumber;
    });
    assert.equal(new Set(serials).size, serials.length);
    for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
  });
});
