package tree

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// furnish fills the tree with one of everything that travels.
func furnish(p *place) {
	p.Helper()
	p.write("dir/file", "content")
	p.write("dir/deep/er/large", strings.Repeat("0123456789abcdef", 100_000))
	p.write("empty file", "")
	p.write("name \xff\xfe\nnot text", "x")
	must(p, os.Mkdir(p.path("empty dir"), 0o750))
	must(p, os.Symlink("dir/file", p.path("link")))
	must(p, os.Symlink("/nowhere/../at all", p.path("dangling")))
	must(p, os.Link(p.path("dir/file"), p.path("dir/second name")))
	must(p, os.Link(p.path("dir/file"), p.path("third name")))
	sparse, err := os.Create(p.path("sparse"))
	must(p, err)
	_, err = sparse.WriteAt([]byte("in the middle"), 5<<20)
	must(p, err)
	must(p, sparse.Truncate(20<<20))
	must(p, sparse.Close())
	must(p, os.Chmod(p.path("dir/deep"), 0o705))
	must(p, unix.Chmod(p.path("dir/deep/er/large"), 0o4751))
	must(p, unix.Chmod(p.path("empty dir"), 0o3770))
	for i, name := range []string{"dir/file", "dir/deep/er/large", "empty file", "link", "dangling", "sparse", "empty dir", "dir/deep", "dir"} {
		times := []unix.Timespec{{Sec: 1_600_000_000}, {Sec: 1_500_000_000 - int64(i)*400_000_000, Nsec: 123_456_789}}
		must(p, unix.UtimesNanoAt(unix.AT_FDCWD, p.path(name), times, unix.AT_SYMLINK_NOFOLLOW))
	}
	p.attribute("dir/file", "user.one", "value")
	p.attribute("dir/file", "user.empty", "")
	p.attribute("empty dir", "user.large", strings.Repeat("v", 2000))
}

func (p *place) attribute(name, key, value string) {
	if err := unix.Lsetxattr(p.path(name), key, []byte(value), 0); err != nil && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENOSPC) {
		p.Fatal(err)
	}
}

func (p *place) archive(path string) []byte {
	p.Helper()
	var archived bytes.Buffer
	must(p, p.Archive(context.Background(), []byte(path), nil, &archived))
	return archived.Bytes()
}

func (p *place) scan(options ScanOptions) map[string]record {
	p.Helper()
	var scanned bytes.Buffer
	must(p, p.Scan(context.Background(), options, &scanned))
	found := map[string]record{}
	reader := &records{input: newInput(&scanned)}
	for {
		one, err := reader.next()
		must(p, err)
		if one == nil {
			return found
		}
		kept := *one
		kept.path, kept.target = bytes.Clone(one.path), bytes.Clone(one.target)
		kept.attributes = append([]attribute(nil), one.attributes...)
		found[string(one.path)] = kept
	}
}

// describe is a scan as text, without what differs between two copies.
func (p *place) describe() map[string]string {
	described := map[string]string{}
	files := map[uint64]string{}
	for path, one := range p.scan(ScanOptions{Digest: true}) {
		kind := one.kind
		if one.inode != 0 && one.kind != typeLink {
			// Which name comes first is the file system's affair.
			files[one.inode] += "*"
			kind, one.size, one.digest, one.attributes, one.target = 'n', 0, "", nil, nil
		}
		described[path] = fmt.Sprintf("%c %o %d %d %s %s %q", kind, one.mode, one.size, one.modifiedNs, one.digest, one.target, one.attributes)
	}
	for _, names := range slices.Sorted(maps.Values(files)) {
		described["files with many names"] += names + " "
	}
	return described
}

func TestRoundTrip(t *testing.T) {
	source, target := newPlace(t), newPlace(t)
	furnish(source)
	archived := source.archive("")
	for _, round := range []string{"new", "over itself"} {
		extracted, err := target.extract("", archived)
		must(t, err)
		want, got := source.describe(), target.describe()
		for path := range want {
			if got[path] != want[path] {
				t.Errorf("%s: %q is %s, not %s", round, path, got[path], want[path])
			}
		}
		if len(got) != len(want) || extracted.EntryCount != int64(len(want)) {
			t.Errorf("%s: %d entries of %d, %d counted", round, len(got), len(want), extracted.EntryCount)
		}
	}
	if len(archived) > 4<<20 {
		t.Errorf("a sparse file of 20 MiB came as %d bytes", len(archived))
	}
	var status unix.Stat_t
	must(t, unix.Stat(target.path("sparse"), &status))
	if status.Blocks*512 > 1<<20 {
		t.Errorf("the sparse file takes %d blocks", status.Blocks)
	}
	must(t, unix.Stat(target.path("third name"), &status))
	if status.Nlink != 3 || target.read("third name") != "content" {
		t.Errorf("%d names", status.Nlink)
	}
	target.clean()
}

func TestRoundTripOfOneEntry(t *testing.T) {
	p := newPlace(t)
	furnish(p)
	for from, to := range map[string]string{"dir/file": "new/copy", "link": "new/link", "dir": "new/dir"} {
		if _, err := p.extract(to, p.archive(from)); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
	if link, err := os.Readlink(p.path("new/link")); err != nil || link != "dir/file" {
		t.Errorf("link %q, %v", link, err)
	}
	if p.read("new/copy") != "content" || p.read("new/dir/second name") != "content" {
		t.Error("content was lost")
	}
}

func TestScan(t *testing.T) {
	p := newPlace(t)
	furnish(p)
	must(t, unix.Mkfifo(p.path("fifo"), 0o600))
	sum := sha256.Sum256([]byte("content"))
	all := p.scan(ScanOptions{Digest: true})
	if one := all["dir/file"]; one.kind == typeFile && one.digest != hex.EncodeToString(sum[:]) {
		t.Errorf("digest %s", one.digest)
	}
	if one := all["fifo"]; one.kind != typeFifo || one.digest != digestNone {
		t.Errorf("%+v", one)
	}
	if direct := p.scan(ScanOptions{Depth: 1}); direct["dir"].kind != typeDirectory || direct["dir/file"].kind != 0 {
		t.Errorf("depth 1: %v", direct)
	}
	if below := p.scan(ScanOptions{Path: []byte("dir/deep")}); below["er/large"].kind != typeFile || len(below) != 2 {
		t.Errorf("below: %v", below)
	}
	if single := p.scan(ScanOptions{Path: []byte("link")}); single[""].kind != typeLink || string(single[""].target) != "dir/file" {
		t.Errorf("single: %v", single)
	}
	for path, want := range map[string]string{"none": "not exist", "link/x": "symbolic link", "dir/file/x": "no directory"} {
		if err := p.Scan(context.Background(), ScanOptions{Path: []byte(path)}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestScanSinceAMark(t *testing.T) {
	p := newPlace(t)
	p.write("old/file", "old")
	p.attribute("old/file", "user.one", "value")
	for range 5 {
		mark, err := Mark(context.Background())
		must(t, err)
		for path, one := range p.scan(ScanOptions{HasSince: true, SinceNs: mark, Digest: true}) {
			if one.digest != digestUnchanged || len(one.attributes) != 0 {
				t.Errorf("%s counts as changed: %+v", path, one)
			}
		}
		p.write("new", "new")
		must(t, os.Chmod(p.path("old/file"), 0o600))
		after := p.scan(ScanOptions{HasSince: true, SinceNs: mark, Digest: true})
		if len(after["new"].digest) != digestDigits || len(after["old/file"].digest) != digestDigits || after["old"].digest != digestUnchanged {
			t.Errorf("%+v", after)
		}
	}
}

func TestArchiveListed(t *testing.T) {
	p := newPlace(t)
	furnish(p)
	list := "dir\x00third name\x00none/at all\x00dir/deep/er/large\x00link/x\x00dir/second name\x00"
	var archived bytes.Buffer
	must(t, p.Archive(context.Background(), nil, strings.NewReader(list), &archived))
	all, err := drain(archived.Bytes())
	must(t, err)
	got := ""
	for _, one := range all {
		got += fmt.Sprintf("%c %s,", one.kind, one.path)
	}
	if got != "d dir,f third name,f dir/deep/er/large,h dir/second name," {
		t.Errorf("%s", got)
	}
	for _, bad := range []string{"../x\x00", "\x00", "no end", "/x\x00"} {
		if err := p.Archive(context.Background(), nil, strings.NewReader(bad), &bytes.Buffer{}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// changing is a writer that changes a file once its content is on its way.
type changing struct {
	bytes.Buffer
	change func()
}

func (c *changing) Write(bytes []byte) (int, error) {
	if c.change != nil {
		c.change()
		c.change = nil
	}
	return c.Buffer.Write(bytes)
}

func TestArchiveOfAFileThatShrinks(t *testing.T) {
	p := newPlace(t)
	p.write("file", strings.Repeat("x", 3*outputBytes))
	to := &changing{change: func() { must(t, os.Truncate(p.path("file"), 10)) }}
	must(t, p.Archive(context.Background(), nil, nil, to))
	if _, err := drain(to.Bytes()); err != nil {
		t.Error(err)
	}
	if !bytes.Contains(to.Bytes(), []byte("E\x01")) {
		t.Error("nobody is told that it changed")
	}
	target := newPlace(t)
	_, err := target.extract("", to.Bytes())
	must(t, err)
	if len(target.read("file")) != 3*outputBytes {
		t.Error("the size is not what was promised")
	}
}
