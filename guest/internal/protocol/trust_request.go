package protocol

import (
	"bytes"
	"encoding/pem"
	"fmt"
)

const trustedTextBytesMax = 512 << 10

// TrustRequest says which certificate authority the machine's programs are to trust beside those that they do, and what
// all of them get in their environments. Without a certificate none is trusted any more that was before.
type TrustRequest struct {
	// Certificate is one, in PEM; absent means none.
	Certificate string `json:"certificate"`
	// Roots are what programs trust, in PEM, where the environment has no such list.
	Roots string `json:"roots"`
	// Env goes after the environment's own variables.
	Env []Text `json:"env"`
}

// Trusted answers what became of it.
type Trusted struct {
	// NeedsRoots tells that the environment has no list of what is trusted, and none came with the request.
	NeedsRoots bool `json:"needs_roots"`
}

// Normalize checks every value and brings the certificate into its one form.
func (r *TrustRequest) Normalize() error {
	if len(r.Certificate) > trustedTextBytesMax || len(r.Roots) > trustedTextBytesMax {
		return Fail(CodeLimitExceeded, "certificates have more than %d bytes", trustedTextBytesMax)
	}
	if err := checkEnvironment("env", r.Env); err != nil {
		return err
	}
	if r.Certificate == "" {
		return nil
	}
	block, rest := pem.Decode([]byte(r.Certificate))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return Fail(CodeBadRequest, "certificate is not one certificate in PEM")
	}
	r.Certificate = string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	return nil
}

// Der is the certificate's bytes.
func (r *TrustRequest) Der() ([]byte, error) {
	block, _ := pem.Decode([]byte(r.Certificate))
	if block == nil {
		return nil, fmt.Errorf("no certificate")
	}
	return block.Bytes, nil
}
