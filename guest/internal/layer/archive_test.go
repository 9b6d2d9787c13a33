package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// moment has a fraction: whole seconds would hide a lost one.
var moment = time.Unix(1700000000, 123456789)

// entry is a header with its content.
type entry struct {
	tar.Header
	content string
}

func file(name, content string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, content}
}

func directory(name string) entry {
	return entry{tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}, ""}
}

func link(name, target string) entry {
	return entry{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, ""}
}

func hardLink(name, target string) entry {
	return entry{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}, ""}
}

func node(kind byte, name string, major, minor int64) entry {
	return entry{tar.Header{Typeflag: kind, Name: name, Mode: 0o600, Devmajor: major, Devminor: minor}, ""}
}

// with changes a header in place of a longer constructor.
func with(e entry, change func(*tar.Header)) entry {
	change(&e.Header)
	return e
}

// archive packs entries; they belong to whoever runs the test unless they say otherwise.
func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	for _, e := range entries {
		if e.Uid == 0 && e.Gid == 0 {
			e.Uid, e.Gid = os.Getuid(), os.Getgid()
		}
		if e.ModTime.IsZero() {
			e.ModTime, e.Format = moment, tar.FormatPAX
		}
		e.Size = int64(len(e.content))
		if e.Typeflag == tar.TypeXGlobalHeader {
			e.Header = tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "global", PAXRecords: map[string]string{"comment": "x"}}
		}
		if err := writer.WriteHeader(&e.Header); err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		if _, err := io.WriteString(writer, e.content); err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// image is a target with something beside it that must not change.
type image struct {
	*testing.T
	root, outside string
	builder       *Builder
}

func newImage(t *testing.T) *image {
	t.Helper()
	base := t.TempDir()
	made := &image{T: t, root: filepath.Join(base, "root"), outside: filepath.Join(base, "outside")}
	for _, path := range []string{made.root, made.outside} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	made.writeOutside("secret", "untouched")
	made.builder = NewBuilder(made.root, nil)
	return made
}

func (i *image) writeOutside(name, content string) {
	i.Helper()
	if err := os.WriteFile(filepath.Join(i.outside, name), []byte(content), 0o600); err != nil {
		i.Fatal(err)
	}
}

func (i *image) apply(layer []byte) error {
	_, err := i.builder.Apply(context.Background(), "", bytes.NewReader(layer))
	return err
}

func (i *image) must(entries ...entry) {
	i.Helper()
	if err := i.apply(archive(i, entries...)); err != nil {
		i.Fatalf("refused: %v", err)
	}
}

// checkOutside fails when anything beside the target is not as it was.
func (i *image) checkOutside() {
	i.Helper()
	names, err := os.ReadDir(i.outside)
	if err != nil || len(names) != 1 {
		i.Errorf("outside: %v, %v", names, err)
	}
	content, err := os.ReadFile(filepath.Join(i.outside, "secret"))
	if err != nil || string(content) != "untouched" {
		i.Errorf("outside: %q, %v", content, err)
	}
	var status unix.Stat_t
	if err := unix.Stat(filepath.Join(i.outside, "secret"), &status); err != nil || status.Nlink != 1 || status.Mode&0o7777 != 0o600 {
		i.Errorf("outside: %d links, mode %o, %v", status.Nlink, status.Mode, err)
	}
	beside, err := os.ReadDir(filepath.Dir(i.root))
	if err != nil || len(beside) != 2 {
		i.Errorf("beside the target: %v, %v", beside, err)
	}
}

// tree lists names below the root with their content, or "dir", or "-> target".
func (i *image) tree() map[string]string {
	i.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(i.root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(path, i.root), "/")
		switch {
		case name == "":
		case d.IsDir():
			found[name] = "dir"
		case d.Type()&os.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			found[name] = "-> " + target
		case d.Type().IsRegular():
			content, _ := os.ReadFile(path)
			found[name] = string(content)
		default:
			found[name] = d.Type().String()
		}
		return nil
	})
	if err != nil {
		i.Fatal(err)
	}
	return found
}

func (i *image) want(want map[string]string) {
	i.Helper()
	got := i.tree()
	for name, content := range want {
		if got[name] != content {
			i.Errorf("%s is %q, not %q", name, got[name], content)
		}
	}
	for name := range got {
		if _, found := want[name]; !found {
			i.Errorf("%s should not be there", name)
		}
	}
}

func codeOf(err error) protocol.Code {
	var failure *protocol.Failure
	if errors.As(err, &failure) {
		return failure.Code
	}
	return ""
}

func needRoot(t *testing.T, why string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skipf("needs root: %s", why)
	}
}
