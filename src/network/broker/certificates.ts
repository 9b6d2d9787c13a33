import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import * as x509 from "@peculiar/asn1-x509";
import type { WorkspaceCa } from "../../model/brokered-credential.ts";

const ecdsaWithSha256 = new x509.AlgorithmIdentifier({ algorithm: "1.2.840.10045.4.3.2" });
const commonName = "2.5.4.3";
/** What is longer stands in the alternative names alone. */
const commonNameLengthMax = 64;
const dayMs = 86_400_000;
/** As long as any workspace lives. */
const caDays = 3_650;
/** Some clients refuse what is valid for long. */
const hostDays = 30;

/** What proves to a client who it speaks with, in PEM. */
export interface HostCertificate {
  readonly certificatePem: string;
  readonly validToMs: number;
}

/** A certificate authority of its own, with a new key. */
export function issueCa(): WorkspaceCa {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = spkiOf(publicKey);
  const name = nameOf(`pyro workspace ${randomBytes(4).toString("hex")}`);
  const certificate = signed(
    {
      issuer: name,
      subject: name,
      subjectPublicKeyInfo: key,
      validity: validFor(caDays),
      extensions: new x509.Extensions([
        extension(
          x509.id_ce_basicConstraints,
          new x509.BasicConstraints({ cA: true, pathLenConstraint: 0 }),
          true,
        ),
        keyUsage(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign),
        extension(x509.id_ce_subjectKeyIdentifier, new x509.SubjectKeyIdentifier(idOf(key))),
      ]),
    },
    privateKey,
  );
  return {
    certificatePem: certificate,
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** A certificate of `host` alone for `publicKey`. */
export function issueForHost(ca: WorkspaceCa, host: string, publicKey: KeyObject): HostCertificate {
  const issuer = AsnConvert.parse(new X509Certificate(ca.certificatePem).raw, x509.Certificate);
  const { subject, subjectPublicKeyInfo: issuerKey } = issuer.tbsCertificate;
  const key = spkiOf(publicKey);
  const validity = validFor(hostDays);
  const certificatePem = signed(
    {
      issuer: subject,
      subject: nameOf(host.length > commonNameLengthMax ? "pyro" : host),
      subjectPublicKeyInfo: key,
      validity,
      extensions: new x509.Extensions([
        extension(x509.id_ce_basicConstraints, new x509.BasicConstraints(), true),
        keyUsage(x509.KeyUsageFlags.digitalSignature),
        extension(x509.id_ce_extKeyUsage, new x509.ExtendedKeyUsage([x509.id_kp_serverAuth])),
        extension(
          x509.id_ce_subjectAltName,
          new x509.SubjectAlternativeName([new x509.GeneralName({ dNSName: host })]),
        ),
        extension(x509.id_ce_subjectKeyIdentifier, new x509.SubjectKeyIdentifier(idOf(key))),
        extension(
          x509.id_ce_authorityKeyIdentifier,
          new x509.AuthorityKeyIdentifier({
            keyIdentifier: new x509.KeyIdentifier(idOf(issuerKey)),
          }),
        ),
      ]),
    },
    createPrivateKey(ca.keyPem),
  );
  return { certificatePem, validToMs: validity.notAfter.getTime().getTime() };
}

type Content = Pick<
  x509.TBSCertificate,
  "issuer" | "subject" | "subjectPublicKeyInfo" | "validity" | "extensions"
>;

function signed(content: Content, key: KeyObject): string {
  const tbsCertificate = new x509.TBSCertificate({
    ...content,
    version: x509.Version.v3,
    serialNumber: positive(randomBytes(16)),
    signature: ecdsaWithSha256,
  });
  const signature = sign("sha256", Buffer.from(AsnConvert.serialize(tbsCertificate)), key);
  const certificate = new x509.Certificate({
    tbsCertificate,
    signatureAlgorithm: ecdsaWithSha256,
    signatureValue: exactly(signature),
  });
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString();
}

function nameOf(text: string): x509.Name {
  const value = new x509.AttributeValue({ utf8String: text });
  const attribute = new x509.AttributeTypeAndValue({ type: commonName, value });
  return new x509.Name([new x509.RelativeDistinguishedName([attribute])]);
}

/** From yesterday on: a guest's clock may be behind. */
function validFor(days: number): x509.Validity {
  const notBefore = new Date(Date.now() - dayMs);
  return new x509.Validity({ notBefore, notAfter: new Date(notBefore.getTime() + days * dayMs) });
}

function extension(extnID: string, value: unknown, critical = false): x509.Extension {
  const extnValue = new OctetString(AsnConvert.serialize(value));
  return new x509.Extension({ extnID, critical, extnValue });
}

function keyUsage(flags: number): x509.Extension {
  return extension(x509.id_ce_keyUsage, new x509.KeyUsage(flags), true);
}

function spkiOf(key: KeyObject): x509.SubjectPublicKeyInfo {
  const der = key.export({ type: "spki", format: "der" });
  return AsnConvert.parse(der, x509.SubjectPublicKeyInfo);
}

/** As RFC 5280 makes it of a key. */
function idOf({ subjectPublicKey }: x509.SubjectPublicKeyInfo): Buffer {
  return createHash("sha1").update(Buffer.from(subjectPublicKey)).digest();
}

/** Without the bit that would make it a negative number, and none at its beginning that says nothing. */
function positive(bytes: Buffer): ArrayBuffer {
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return exactly(bytes);
}

/** A small Buffer is a part of a larger one. */
function exactly(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
