package workload

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestListHasOneCertificateInThePlaceOfAnother(t *testing.T) {
	const roots = "-----BEGIN CERTIFICATE-----\nroots\n-----END CERTIFICATE-----\n"
	cases := []struct{ name, list, before, after, want string }{
		{"the first", roots, "", "new\n", roots + "new\n"},
		{"a list that does not end its line", "roots", "", "new\n", "roots\nnew\n"},
		{"another one", roots + "old\n", "old\n", "new\n", roots + "new\n"},
		{"once", roots + "new\n", "", "new\n", roots + "new\n"},
		{"none", roots + "old\n", "old\n", "", roots},
		{"none that was not there", roots, "old\n", "", roots},
		{"an empty list", "", "", "new\n", "new\n"},
	}
	for _, one := range cases {
		if got := string(inList([]byte(one.list), []byte(one.before), []byte(one.after))); got != one.want {
			t.Errorf("%s: %q", one.name, got)
		}
	}
}

func TestSubjectHashIsTheOneOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl to agree with")
	}
	for _, subject := range []string{"/CN=pyro workspace 1a2b", "/C=DE/O=Some  Body /CN=Ärger UPPER", "/O=a/OU=b/CN=c"} {
		path := filepath.Join(t.TempDir(), "ca")
		made := exec.Command(openssl, "req", "-x509", "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
			"-keyout", path+".key", "-out", path, "-subj", subject)
		if out, err := made.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		said, err := exec.Command(openssl, "x509", "-in", path, "-noout", "-subject_hash").Output()
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		hash, err := subjectHash(block.Bytes)
		if err != nil || hash != strings.TrimSpace(string(said)) {
			t.Errorf("%s: %s, openssl says %s (%v)", subject, hash, said, err)
		}
	}
	if _, err := subjectHash([]byte("no certificate")); err == nil {
		t.Error("what is none has a hash")
	}
}
