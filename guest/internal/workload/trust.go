package workload

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	trustName = "pyro-workspace"
	// anchor is where administrators put what their machine is to trust. It is also how it is known what was put there before.
	anchor = "/usr/local/share/ca-certificates/" + trustName + ".crt"
	// hashedDirectory is looked into by OpenSSL, by the hash of the name that is looked for.
	hashedDirectory = "/etc/ssl/certs"
	// trustDirectory is in memory.
	trustDirectory  = "/run/pyro-trust"
	bundleBytesMax  = 8 << 20
	bundleModeMax   = 0o644
	createdModeBits = 0o755
)

// bundles are the lists that programs read, of the distributions that have them: Debian, Alpine and Arch; Fedora; openSUSE.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// otherAnchors are made by packages, and only written to where they are there.
var otherAnchors = []string{"/etc/pki/ca-trust/source/anchors", "/etc/pki/trust/anchors"}

// keyStores are Java's.
var keyStores = []string{"/etc/ssl/certs/java/cacerts", "/etc/pki/ca-trust/extracted/java/cacerts"}

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
	if err := trustInJava(request); err != nil {
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

// inList answers the list with one certificate in the place of another, either of which may be none.
func inList(list, before, after []byte) []byte {
	if len(before) > 0 {
		list = bytes.ReplaceAll(list, before, nil)
	}
	if len(after) == 0 || bytes.Contains(list, after) {
		return list
	}
	if len(list) > 0 && list[len(list)-1] != '\n' {
		list = append(slices.Clip(list), '\n')
	}
	return slices.Concat(list, after)
}

func placeAnchors(request *protocol.TrustRequest) error {
	if err := replace(anchor, []byte(request.Certificate)); err != nil {
		return err
	}
	for _, directory := range otherAnchors {
		if isDirectory(directory) {
			if err := replace(directory+"/"+trustName+".crt", []byte(request.Certificate)); err != nil {
				return err
			}
		}
	}
	der, err := request.Der()
	if err != nil || !isDirectory(hashedDirectory) {
		return err
	}
	hash, err := subjectHash(der)
	if err != nil {
		return protocol.Fail(protocol.CodeBadRequest, "certificate: %v", err)
	}
	// As update-ca-certificates names it, which then finds it there.
	for name, target := range map[string]string{trustName + ".pem": anchor, hash + ".0": trustName + ".pem"} {
		if err := os.Symlink(target, hashedDirectory+"/"+name); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

func removeAnchors() {
	_ = os.Remove(anchor)
	for _, directory := range otherAnchors {
		_ = os.Remove(directory + "/" + trustName + ".crt")
	}
	names, _ := filepath.Glob(hashedDirectory + "/????????.?")
	for _, name := range append(names, hashedDirectory+"/"+trustName+".pem") {
		if target, err := os.Readlink(name); err == nil && (target == trustName+".pem" || target == anchor) {
			_ = os.Remove(name)
		}
	}
}

func trustInJava(request *protocol.TrustRequest) error {
	var der []byte
	if request.Certificate != "" {
		var err error
		if der, err = request.Der(); err != nil {
			return err
		}
	}
	for _, path := range present(keyStores) {
		err := change(path, func(store []byte) ([]byte, error) { return inKeyStore(store, trustName, der) })
		// One of another kind, or with a password of its own, is its owner's.
		if err != nil && !errors.Is(err, errOtherKeyStore) {
			return err
		}
	}
	return nil
}

// present answers those of the files that are there, by the names that links lead to, each once.
func present(paths []string) []string {
	var found []string
	for _, path := range paths {
		real, err := filepath.EvalSymlinks(path)
		if err != nil || slices.Contains(found, real) {
			continue
		}
		if status, err := os.Lstat(real); err == nil && status.Mode().IsRegular() {
			found = append(found, real)
		}
	}
	return found
}

// readRegular reads a file that whoever is root in there may have made anything of.
func readRegular(path string) ([]byte, error) {
	descriptor, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(descriptor), path)
	defer file.Close()
	status, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !status.Mode().IsRegular() || status.Size() > bundleBytesMax {
		return nil, protocol.Fail(protocol.CodeUnsupported, "%s is no list of certificates", path)
	}
	content := make([]byte, status.Size())
	_, err = file.ReadAt(content, 0)
	return content, err
}

// change replaces what a file says, where that is to be something else.
func change(path string, to func([]byte) ([]byte, error)) error {
	content, err := readRegular(path)
	if err != nil {
		return err
	}
	changed, err := to(content)
	if err != nil || bytes.Equal(content, changed) {
		return err
	}
	return replace(path, changed)
}

// replace leaves a reader the old file or the new one.
func replace(path string, content []byte) error {
	directory := filepath.Dir(path)
	if err := os.MkdirAll(directory, createdModeBits); err != nil {
		return err
	}
	file, err := os.CreateTemp(directory, "."+trustName+"-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Chmod(bundleModeMax)
	}
	_ = file.Close()
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
