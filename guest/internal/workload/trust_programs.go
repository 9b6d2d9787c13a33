package workload

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"pyro.dev/guest/internal/protocol"
)

// keyStores are Java's: of Debian and Alpine, of Fedora, and where vendors and images put theirs.
var keyStores = []string{
	"/etc/ssl/certs/java/cacerts",
	"/etc/pki/ca-trust/extracted/java/cacerts",
	"/usr/lib/jvm/*/lib/security/cacerts",
	"/usr/lib/jvm/*/jre/lib/security/cacerts",
	"/usr/local/openjdk-*/lib/security/cacerts",
	"/opt/java/*/lib/security/cacerts",
}

// browsers are where Chromium and what is made of it look for what an administrator wants, once they are installed.
var browsers = []string{"/etc/chromium", "/etc/opt/chrome", "/etc/opt/edge"}

// trustInPrograms changes what programs trust that read no list of the machine and no variable.
func trustInPrograms(request *protocol.TrustRequest) error {
	var der []byte
	if request.Certificate != "" {
		var err error
		if der, err = request.Der(); err != nil {
			return err
		}
	}
	if err := trustInJava(der); err != nil {
		return err
	}
	return trustInChromium(der)
}

func trustInJava(der []byte) error {
	for _, path := range present(everyMatch(keyStores)) {
		err := change(path, func(store []byte) ([]byte, error) { return inKeyStore(store, trustName, der) })
		// One of another kind, or with a password of its own, is its owner's.
		if err != nil && !errors.Is(err, errOtherKeyStore) {
			return err
		}
	}
	return nil
}

// trustInChromium leaves no file where there is no certificate.
func trustInChromium(der []byte) error {
	for _, directory := range browsers {
		if !isDirectory(directory) {
			continue
		}
		path := directory + "/policies/managed/" + trustName + ".json"
		if der == nil {
			_ = os.Remove(path)
			continue
		}
		policy, err := json.Marshal(map[string][][]byte{"CACertificates": {der}})
		if err != nil {
			return err
		}
		if err := replace(path, policy); err != nil {
			return err
		}
	}
	return nil
}

// everyMatch answers what there is of each pattern, in their order.
func everyMatch(patterns []string) []string {
	var found []string
	for _, pattern := range patterns {
		names, _ := filepath.Glob(pattern)
		found = append(found, names...)
	}
	return found
}
