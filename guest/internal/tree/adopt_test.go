package tree

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"
)

// describedTree is what adopt is told.
func describedTree(lines ...string) *bytes.Reader {
	var stream bytes.Buffer
	for _, line := range lines {
		stream.WriteString(line)
	}
	fmt.Fprintf(&stream, ". 0 %d 0 0 0 0 - 0 \x00\x00", len(lines))
	return bytes.NewReader(stream.Bytes())
}

func TestAdopt(t *testing.T) {
	place := newPlace(t)
	place.write("d/kept", "abc")
	place.write("d/other", "")
	place.write("gone/deep/file", "")
	must(t, os.Symlink("d", place.path("link")))
	adopted, err := place.Adopt(t.Context(), describedTree(
		"d 755 0 1000000001 0 0 0 - 0 \x00\x00",
		"d 750 0 2000000002 0 0 0 - 0 d\x00\x00",
		"f 4711 3 3000000003 0 0 0 - 0 d/kept\x00\x00",
		"l 777 0 4000000004 0 0 0 - 0 link\x00d\x00",
	))
	must(t, err)
	if adopted.EntryCount != 4 || adopted.Bytes != 3 {
		t.Errorf("adopted %+v", adopted)
	}
	for _, gone := range []string{"d/other", "gone"} {
		if place.exists(gone) {
			t.Errorf("%s stayed", gone)
		}
	}
	for name, wanted := range map[string]int64{".": 1000000001, "d": 2000000002, "d/kept": 3000000003, "link": 4000000004} {
		status, err := os.Lstat(place.path(name))
		must(t, err)
		if got := status.ModTime().UnixNano(); got != wanted {
			t.Errorf("%s is of %d, not %d", name, got, wanted)
		}
	}
	kept, err := os.Lstat(place.path("d/kept"))
	must(t, err)
	if kept.Mode() != 0o711|os.ModeSetuid {
		t.Errorf("mode %v", kept.Mode())
	}
	place.clean()
}

// What comes with the disk belongs to whoever made it on the host.
func TestAdoptGivesAllToTheTreesOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files away")
	}
	place := newPlace(t)
	place.write("d/deep/file", "x")
	must(t, os.Symlink("d", place.path("link")))
	names := []string{"d", "d/deep", "d/deep/file", "link"}
	for _, name := range names {
		must(t, os.Lchown(place.path(name), 12345, 12346))
	}
	_, err := place.Adopt(t.Context(), describedTree(
		"d 755 0 1 0 0 0 - 0 \x00\x00",
		"d 2770 0 1 0 0 0 - 0 d\x00\x00",
		"d 755 0 1 0 0 0 - 0 d/deep\x00\x00",
		"f 644 1 1 0 0 0 - 0 d/deep/file\x00\x00",
		"l 777 0 1 0 0 0 - 0 link\x00d\x00",
	))
	must(t, err)
	for _, name := range names {
		status, err := os.Lstat(place.path(name))
		must(t, err)
		if owner := status.Sys().(*syscall.Stat_t); owner.Uid != 0 || owner.Gid != 0 {
			t.Errorf("%s belongs to %d:%d", name, owner.Uid, owner.Gid)
		}
	}
	status, err := os.Lstat(place.path("d"))
	must(t, err)
	if status.Mode() != 0o770|os.ModeDir|os.ModeSetgid {
		t.Errorf("mode %v", status.Mode())
	}
	place.clean()
}

func TestAdoptRefusesWhatIsNotAsDescribed(t *testing.T) {
	for name, line := range map[string]string{
		"missing":      "f 644 1 0 0 0 0 - 0 missing\x00\x00",
		"another size": "f 644 2 0 0 0 0 - 0 file\x00\x00",
		"another type": "l 777 0 0 0 0 0 - 0 file\x00x\x00",
		"no directory": "d 755 0 0 0 0 0 - 0 file\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			place := newPlace(t)
			place.write("file", "x")
			if _, err := place.Adopt(t.Context(), describedTree(line)); err == nil {
				t.Error("was taken")
			}
		})
	}
}
