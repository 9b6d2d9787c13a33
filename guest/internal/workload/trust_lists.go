package workload

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"pyro.dev/guest/internal/protocol"
)

const (
	// anchor is where administrators put what their machine is to trust. It is also how it is known what was put there before.
	anchor = "/usr/local/share/ca-certificates/" + trustName + ".crt"
	// hashedDirectory is looked into by OpenSSL, by the hash of the name that is looked for.
	hashedDirectory = "/etc/ssl/certs"
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
