package workload

import (
	"crypto/sha1"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// namedCertificate is as much of one as tells whose it is.
type namedCertificate struct {
	Signed struct {
		Version   int `asn1:"optional,explicit,default:0,tag:0"`
		Serial    *big.Int
		Algorithm pkix.AlgorithmIdentifier
		Issuer    asn1.RawValue
		Validity  asn1.RawValue
		Subject   pkix.RDNSequence
	}
}

type canonicalAttribute struct {
	Type  asn1.ObjectIdentifier
	Value string `asn1:"utf8"`
}

// subjectHash is what OpenSSL calls a certificate in a directory of them: of the subject's names in lower case, each
// space one, all of them UTF-8.
func subjectHash(der []byte) (string, error) {
	var certificate namedCertificate
	if _, err := asn1.Unmarshal(der, &certificate); err != nil {
		return "", err
	}
	var canonical []byte
	for _, names := range certificate.Signed.Subject {
		attributes := make([]canonicalAttribute, len(names))
		for i, name := range names {
			text, isText := name.Value.(string)
			if !isText {
				return "", fmt.Errorf("the subject's %v is no text", name.Type)
			}
			attributes[i] = canonicalAttribute{name.Type, strings.Join(strings.Fields(strings.Map(inLowerCase, text)), " ")}
		}
		encoded, err := asn1.MarshalWithParams(attributes, "set")
		if err != nil {
			return "", err
		}
		canonical = slices.Concat(canonical, encoded)
	}
	sum := sha1.Sum(canonical)
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:4])), nil
}

// inLowerCase knows no letters but ASCII's, as OpenSSL.
func inLowerCase(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + ('a' - 'A')
	}
	return r
}
