package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/uring"
)

// sent is what a stream says of a file.
type sent struct {
	content    string
	hasChanged bool
}

// filesOf reads the contents of a stream, zeros for holes.
func filesOf(t *testing.T, stream []byte) map[string]sent {
	t.Helper()
	found := map[string]sent{}
	from := &records{input: newInput(bytes.NewReader(stream))}
	for {
		one, err := from.next()
		must(t, err)
		if one == nil {
			return found
		}
		if one.kind != typeFile {
			continue
		}
		path, file := string(one.path), sent{}
		for {
			next, err := from.takeContent()
			must(t, err)
			if next.kind == contentEnd {
				file.hasChanged = next.hasChanged
				break
			}
			for left := next.length; left > 0; {
				piece := make([]byte, min(left, writeBytes))
				if next.kind == contentData {
					taken, err := from.take(len(piece))
					must(t, err)
					copy(piece, taken)
				}
				file.content += string(piece)
				left -= int64(len(piece))
			}
		}
		found[path] = file
	}
}

// withAndWithoutRing runs a test both ways, as far as the kernel has rings.
func withAndWithoutRing(t *testing.T, test func(t *testing.T, made func(*bytes.Buffer) *archive)) {
	t.Run("read together", func(t *testing.T) {
		ring, err := uring.New(8)
		if err != nil {
			t.Skipf("no rings here: %v", err)
		}
		ring.Close()
		test(t, func(to *bytes.Buffer) *archive { return newArchive(to) })
	})
	t.Run("read one by one", func(t *testing.T) {
		test(t, func(to *bytes.Buffer) *archive {
			made := newArchive(to)
			made.small.hasNoRing = true
			return made
		})
	})
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}

func TestArchiveOfManySmallFiles(t *testing.T) {
	source := newPlace(t)
	furnish(source)
	random := rand.New(rand.NewPCG(1, 2))
	for d := range 30 {
		for f := range 20 {
			content := strings.Repeat(fmt.Sprintf("%d.%d ", d, f), random.IntN(6000))
			source.write(fmt.Sprintf("many/%d/below/%d", d, f), content)
		}
		must(t, os.Link(source.path(fmt.Sprintf("many/%d/below/3", d)), source.path(fmt.Sprintf("many/%d/first", d))))
	}
	for _, size := range []int{smallFileBytesMax - 1, smallFileBytesMax, smallFileBytesMax + 1} {
		source.write(fmt.Sprint("edge ", size), strings.Repeat("e", size))
	}
	want := source.describe()
	withAndWithoutRing(t, func(t *testing.T, made func(*bytes.Buffer) *archive) {
		before := descriptors(t)
		target := newPlace(t)
		var archived bytes.Buffer
		archive := made(&archived)
		walk := &walk{visitor: archive}
		must(t, walk.run(context.Background(), open(t, source.directory)))
		must(t, archive.end())
		archive.small.close()
		if after := descriptors(t); after != before+2 {
			t.Errorf("%d descriptors, not %d", after, before+2)
		}
		_, err := target.extract("", archived.Bytes())
		must(t, err)
		got := target.describe()
		for path := range want {
			if got[path] != want[path] {
				t.Errorf("%q is %s, not %s", path, got[path], want[path])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d entries of %d", len(got), len(want))
		}
		target.clean()
	})
}

// TestSmallFilesThatChangeBeforeTheyAreRead: between the moment a file is described and the one in which it is read, commands
// may do anything to it.
func TestSmallFilesThatChangeBeforeTheyAreRead(t *testing.T) {
	const size = 10_000
	old, other := strings.Repeat("o", size), strings.Repeat("n", size)
	zeros := strings.Repeat("\x00", size)
	rewrite := func(p *place, name, content string) { must(p, os.WriteFile(p.path(name), []byte(content), 0o644)) }
	cases := map[string]struct {
		change func(p *place, name string)
		want   sent
	}{
		"kept":      {func(*place, string) {}, sent{old, false}},
		"kept too":  {func(*place, string) {}, sent{old, false}},
		"truncated": {func(p *place, name string) { must(p, os.Truncate(p.path(name), 4100)) }, sent{old[:4100] + zeros[4100:], true}},
		"emptied":   {func(p *place, name string) { rewrite(p, name, "") }, sent{zeros, true}},
		"grown":     {func(p *place, name string) { rewrite(p, name, old+other) }, sent{old, true}},
		"rewritten": {func(p *place, name string) { rewrite(p, name, other) }, sent{other, true}},
		"removed":   {func(p *place, name string) { must(p, os.Remove(p.path(name))) }, sent{old, true}},
		"replaced":  {func(p *place, name string) { p.write("new", other); must(p, os.Rename(p.path("new"), p.path(name))) }, sent{old, true}},
		"made fifo": {func(p *place, name string) {
			must(p, os.Remove(p.path(name)))
			must(p, unix.Mkfifo(p.path(name), 0o644))
		}, sent{old, true}},
		"linked out": {func(p *place, name string) {
			must(p, os.Remove(p.path(name)))
			must(p, os.Symlink("/etc/passwd", p.path(name)))
		}, sent{old, true}},
	}
	withAndWithoutRing(t, func(t *testing.T, made func(*bytes.Buffer) *archive) {
		p := newPlace(t)
		before := descriptors(t)
		var archived bytes.Buffer
		archive := made(&archived)
		for name := range cases {
			p.write(name, old)
			entry := found{directory: p.root, name: name, path: []byte(name), hint: unix.DT_REG}
			_, err := archive.visit(context.Background(), entry)
			must(t, err)
		}
		for name, one := range cases {
			one.change(p, name)
		}
		must(t, archive.end())
		archive.small.close()
		if after := descriptors(t); after != before {
			t.Errorf("%d descriptors, not %d", after, before)
		}
		got := filesOf(t, archived.Bytes())
		for name, one := range cases {
			if got[name] != one.want {
				t.Errorf("%s: %d bytes %.3q..., changed: %v", name, len(got[name].content), got[name].content, got[name].hasChanged)
			}
		}
	})
}

// unwritable fails from the second write on.
type unwritable struct{ writes int }

var errUnwritable = errors.New("nobody reads")

func (u *unwritable) Write(bytes []byte) (int, error) {
	if u.writes++; u.writes > 1 {
		return 0, errUnwritable
	}
	return len(bytes), nil
}

func TestArchiveThatBreaksOffLeavesNothingOpen(t *testing.T) {
	p := newPlace(t)
	for f := range 200 {
		p.write(fmt.Sprint(f), strings.Repeat("x", 20_000))
	}
	before := descriptors(t)
	if err := p.Archive(context.Background(), nil, nil, &unwritable{}); !errors.Is(err, errUnwritable) {
		t.Errorf("got %v", err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, not %d", after, before)
	}
}

func TestArchiveWithFewDescriptors(t *testing.T) {
	p := newPlace(t)
	for f := range 200 {
		p.write(fmt.Sprint(f), fmt.Sprint("content of ", f))
	}
	var usual unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &usual))
	highest := open(t, p.directory)
	must(t, unix.Close(highest))
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(highest) + 12, Max: usual.Max}))
	defer func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &usual)) }()
	got := filesOf(t, p.archive(""))
	for f := range 200 {
		if want := (sent{fmt.Sprint("content of ", f), false}); got[fmt.Sprint(f)] != want {
			t.Errorf("%d: %v", f, got[fmt.Sprint(f)])
		}
	}
}
