package workload

import (
	"bytes"
	"os"
	"slices"

	"pyro.dev/guest/internal/protocol"
)

const (
	trustName = "pyro-workspace"
	// trustDirectory is in memory.
	trustDirectory = "/run/pyro-trust"
)

// Trust makes this the certificate that programs trust beside all others, and no other one that came this way. It is put
// where an administrator would put it, so that packages that make those lists anew have it in them as well. Answered is
// the environment for all programs: not all of them read the machine's list.
func (w *Workload) Trust(request *protocol.TrustRequest) (environment []string, needsRoots bool, err error) {
	starter, err := w.current()
	if err != nil {
		return nil, false, err
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	starter.Thread.Do(func() { environment, needsRoots, err = trust(request) })
	if err == nil && !needsRoots {
		w.trusted = request
	}
	return environment, needsRoots, err
}

// trust runs on a thread in the root.
func trust(request *protocol.TrustRequest) ([]string, bool, error) {
	before, _ := readRegular(anchor)
	after := []byte(request.Certificate)
	found := present(bundles)
	if len(after) > 0 && len(found) == 0 && request.Roots == "" {
		return nil, true, nil
	}
	if !bytes.Equal(before, after) {
		removeAnchors()
	}
	for _, path := range found {
		if err := change(path, func(list []byte) ([]byte, error) { return inList(list, before, after), nil }); err != nil {
			return nil, false, err
		}
	}
	if err := trustInPrograms(request); err != nil {
		return nil, false, err
	}
	if len(after) == 0 {
		_ = os.RemoveAll(trustDirectory)
		return nil, false, nil
	}
	if err := placeAnchors(request); err != nil {
		return nil, false, err
	}
	bundle := trustDirectory + "/ca-certificates.crt"
	if len(found) > 0 {
		bundle = found[0]
	} else if err := replace(bundle, inList([]byte(request.Roots), nil, after)); err != nil {
		return nil, false, err
	}
	return slices.Concat(trustVariables(bundle), plain(request.Env)), false, nil
}

// trustVariables are for programs that read no list of the machine, or only when they are told to. Most of them read
// nothing but what they are named, which must therefore be all that is trusted.
func trustVariables(bundle string) []string {
	environment := []string{"UV_SYSTEM_CERTS=1", "NODE_USE_SYSTEM_CA=1"}
	for _, name := range []string{
		"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
		"DENO_CERT", "CARGO_HTTP_CAINFO", "CODEX_CA_CERTIFICATE",
	} {
		environment = append(environment, name+"="+bundle)
	}
	return environment
}

func plain(texts []protocol.Text) []string {
	strings := make([]string, len(texts))
	for i, text := range texts {
		strings[i] = string(text)
	}
	return strings
}
