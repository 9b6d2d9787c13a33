package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

func TestApplyMakesEveryKind(t *testing.T) {
	i := newImage(t)
	i.must(
		entry{tar.Header{Typeflag: tar.TypeXGlobalHeader}, ""},
		directory("./"), directory("./usr/"), directory("usr/bin"), file("./usr/bin/tool", "#!"),
		link("bin", "usr/bin"), hardLink("usr/bin/alias", "usr/bin/tool"), hardLink("other", "/usr/bin/tool"),
		node(tar.TypeFifo, "pipe", 0, 0), file("missing/parents/f", "made"),
	)
	i.want(map[string]string{
		"usr": "dir", "usr/bin": "dir", "usr/bin/tool": "#!", "usr/bin/alias": "#!", "other": "#!",
		"bin": "-> usr/bin", "pipe": os.ModeNamedPipe.String(), "missing": "dir", "missing/parents": "dir", "missing/parents/f": "made",
	})
	var tool, alias unix.Stat_t
	_ = unix.Stat(filepath.Join(i.root, "usr/bin/tool"), &tool)
	_ = unix.Stat(filepath.Join(i.root, "usr/bin/alias"), &alias)
	if tool.Ino != alias.Ino || tool.Nlink != 3 {
		t.Errorf("%d links", tool.Nlink)
	}
}

// TestApplyWritesThroughLinksOfEarlierLayers: merged-/usr images depend on it.
func TestApplyWritesThroughLinksOfEarlierLayers(t *testing.T) {
	i := newImage(t)
	i.must(directory("usr"), directory("usr/lib"), link("lib", "usr/lib"), link("abs", "/usr/lib"), link("up", "../../usr"))
	i.must(file("lib/one", "1"), file("abs/two", "2"), file("up/three", "3"), directory("lib/d"))
	i.want(map[string]string{
		"usr": "dir", "usr/lib": "dir", "lib": "-> usr/lib", "abs": "-> /usr/lib", "up": "-> ../../usr",
		"usr/lib/one": "1", "usr/lib/two": "2", "usr/three": "3", "usr/lib/d": "dir",
	})
}

// TestApplyMakesWhatLinksWaitFor: /var/lock leads to /run/lock, which a running system has. What such
// a link names is a place in the image, also where it seems to lead out of it.
func TestApplyMakesWhatLinksWaitFor(t *testing.T) {
	i := newImage(t)
	i.must(directory("var"), link("var/lock", "..//run/./lock/"), link("out", "../../"+filepath.Base(i.outside)+"/d"), link("chain", "/var/lock/deep"))
	i.must(file("var/lock/one", "1"), file("out/two", "2"), file("chain/three", "3"))
	i.must(file("var/lock/.wh.one", ""), file("run/lock/four", "4"))
	i.want(map[string]string{
		"var": "dir", "var/lock": "-> ..//run/./lock/", "run": "dir", "run/lock": "dir", "run/lock/four": "4", "run/lock/deep": "dir",
		"run/lock/deep/three": "3", "chain": "-> /var/lock/deep", "out": "-> ../../outside/d", "outside": "dir", "outside/d": "dir", "outside/d/two": "2",
	})
	i.checkOutside()
}

func TestApplyReplacesTypes(t *testing.T) {
	i := newImage(t)
	i.must(directory("d"), file("d/f", "x"), file("f", "x"), directory("e"), link("l", "e"), file("e/kept", "k"), file("g", "old, and longer"))
	i.must(file("d", "file now"), directory("f"), file("f/x", "y"), directory("l"), file("l/z", "z"), link("g", "e"))
	i.want(map[string]string{
		"d": "file now", "f": "dir", "f/x": "y", "e": "dir", "e/kept": "k", "l": "dir", "l/z": "z", "g": "-> e",
	})
}

func TestWhiteouts(t *testing.T) {
	i := newImage(t)
	i.must(directory("d"), file("d/a", "1"), file("d/b", "2"), directory("d/sub"), file("d/sub/x", "3"), link("d/l", "sub"))
	i.must(file("d/.wh.a", ""), file("d/.wh.sub", ""), file("d/.wh.absent", ""), file("nowhere/.wh.x", ""))
	i.want(map[string]string{"d": "dir", "d/b": "2", "d/l": "-> sub"})
	i.must(file("d/.wh.l", ""), file(".wh.d", ""))
	i.want(map[string]string{})
}

func TestOpaqueHidesOnlyEarlierLayers(t *testing.T) {
	i := newImage(t)
	i.must(directory("d"), file("d/old", "1"), directory("d/sub"), file("d/sub/old", "2"), directory("d/gone"), file("d/gone/x", "3"))
	i.must(directory("d"), file("d/new", "n"), file("d/sub/new", "n"), file("d/.wh..wh..opq", ""), file("d/later", "l"))
	i.want(map[string]string{"d": "dir", "d/new": "n", "d/sub": "dir", "d/sub/new": "n", "d/later": "l"})
}

func TestWhiteoutKeepsItsOwnLayer(t *testing.T) {
	i := newImage(t)
	i.must(directory("d"), file("d/old", "1"), file("f", "old"))
	i.must(file("f", "new"), file("d/new", "2"), file(".wh.f", ""), file(".wh.d", ""))
	i.want(map[string]string{"f": "new", "d": "dir", "d/new": "2"})
}

// TestAbsoluteNames are from the image's root, in all that names an entry.
func TestAbsoluteNames(t *testing.T) {
	i := newImage(t)
	i.must(directory("/"), directory("/opt/"), file("///opt/tool", "t"), hardLink("/opt/twin", "/opt/tool"), file("/opt/gone", "x"))
	i.must(file("/opt/.wh.gone", ""))
	i.want(map[string]string{"opt": "dir", "opt/tool": "t", "opt/twin": "t"})
}

// TestWhiteoutsOfHardLinks: removing one name of a file changes the file that has the other.
func TestWhiteoutsOfHardLinks(t *testing.T) {
	below := []entry{directory("a"), file("a/one", "1"), hardLink("a/two", "a/one"), hardLink("b", "a/one"), file("a/six", "6")}
	rest := map[string]string{"a": "dir", "b": "1", "a/six": "6"}
	for name, test := range map[string]struct {
		upper []entry
		want  map[string]string
	}{
		"both deleted": {[]entry{file("a/.wh.one", ""), file("a/.wh.two", "")}, rest},
		"opaque over them": {
			[]entry{directory("a"), file("a/.wh..wh..opq", "")}, map[string]string{"a": "dir", "b": "1"},
		},
		"the directory deleted": {[]entry{file(".wh.a", "")}, map[string]string{"b": "1"}},
		"one replaced, the other deleted": {
			[]entry{file("a/one", "new"), file("a/.wh.two", "")},
			map[string]string{"a": "dir", "a/one": "new", "b": "1", "a/six": "6"},
		},
		"one deleted, the other replaced": {
			[]entry{file("a/.wh.two", ""), file("a/one", "new")},
			map[string]string{"a": "dir", "a/one": "new", "b": "1", "a/six": "6"},
		},
		"linked anew, then both deleted": {
			[]entry{hardLink("c", "a/one"), file("a/.wh.one", ""), file("a/.wh.two", "")},
			map[string]string{"a": "dir", "b": "1", "c": "1", "a/six": "6"},
		},
		"linked anew in an opaque directory": {
			[]entry{directory("a"), hardLink("a/own", "b"), file("a/.wh..wh..opq", "")},
			map[string]string{"a": "dir", "a/own": "1", "b": "1"},
		},
		"named again, then hidden": {
			[]entry{hardLink("a/one", "b"), file("a/.wh.one", ""), file("a/.wh.two", "")},
			map[string]string{"a": "dir", "a/one": "1", "b": "1", "a/six": "6"},
		},
		"other mode for one name": {
			[]entry{with(file("a/one", "1"), func(h *tar.Header) { h.Mode = 0o755 }), file("a/.wh..wh..opq", "")},
			map[string]string{"a": "dir", "a/one": "1", "b": "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newImage(t)
			i.must(below...)
			i.must(test.upper...)
			i.want(test.want)
		})
	}
}

// TestWhiteoutsBetweenOwnEntries: what a layer brings stays whatever comes first.
func TestWhiteoutsBetweenOwnEntries(t *testing.T) {
	below := []entry{directory("d"), file("d/old", "o"), directory("d/sub"), file("d/sub/old", "o"), link("l", "d"), directory("e"), file("e/old", "o")}
	for name, test := range map[string]struct {
		upper []entry
		want  map[string]string
	}{
		"through a link": {
			[]entry{file("l/new", "n"), file("d/.wh.new", ""), file("d/.wh..wh..opq", ""), file("e/.wh.old", "")},
			map[string]string{"d": "dir", "d/new": "n", "l": "-> d", "e": "dir"},
		},
		"deep in a directory that is hidden": {
			[]entry{file("d/sub/deep/new", "n"), file(".wh.d", ""), file(".wh.e", "")},
			map[string]string{"d": "dir", "d/sub": "dir", "d/sub/deep": "dir", "d/sub/deep/new": "n", "l": "-> d"},
		},
		"replaced by a file, then hidden": {
			[]entry{file("d/new", "n"), file("d", "f"), file("d/.wh.new", ""), file(".wh.d", ""), file(".wh.e", "")},
			map[string]string{"d": "f", "l": "-> d"},
		},
		"hidden twice around it": {
			[]entry{file(".wh.d", ""), directory("d"), file("d/new", "n"), file(".wh.d", ""), file("d/.wh.old", ""), file(".wh.e", "")},
			map[string]string{"d": "dir", "d/new": "n", "l": "-> d"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newImage(t)
			i.must(below...)
			i.must(test.upper...)
			i.want(test.want)
		})
	}
}

func TestTimesAndModes(t *testing.T) {
	i := newImage(t)
	i.must(
		directory("d"), file("d/f", "x"), link("d/l", "f"),
		with(file("d/setuid", "x"), func(h *tar.Header) { h.Mode = 0o4755 }),
		with(directory("d/sticky"), func(h *tar.Header) { h.Mode = 0o1777 }),
		with(file("d/readonly", "x"), func(h *tar.Header) { h.Mode = 0o400 }),
		file("d/last", "changes the directory"),
	)
	for name, mode := range map[string]uint32{"d": 0o755, "d/f": 0o644, "d/l": 0o777, "d/setuid": 0o4755, "d/sticky": 0o1777, "d/readonly": 0o400} {
		var status unix.Stat_t
		if err := unix.Lstat(filepath.Join(i.root, name), &status); err != nil {
			t.Fatal(err)
		}
		if status.Mtim.Nano() != moment.UnixNano() {
			t.Errorf("%s changed at %d", name, status.Mtim.Nano())
		}
		if status.Mode&0o7777 != mode {
			t.Errorf("%s has mode %o", name, status.Mode&0o7777)
		}
	}
}

func TestOwnersDevicesAndCapabilities(t *testing.T) {
	needRoot(t, "owners, devices and capabilities are root's to give")
	i := newImage(t)
	owned := func(h *tar.Header) { h.Uid, h.Gid = 123456, 654 }
	i.must(
		with(directory("d"), func(h *tar.Header) { owned(h); h.Mode = 0o2755 }),
		file("d/inherits", "x"), with(file("d/f", "x"), func(h *tar.Header) {
			owned(h)
			h.Mode = 0o4755
			h.PAXRecords = map[string]string{
				"SCHILY.xattr.security.capability": capability, "SCHILY.xattr.user.note": "kept",
				"SCHILY.xattr.trusted.overlay.opaque": "y",
			}
		}),
		with(link("d/l", "f"), owned), with(node(tar.TypeChar, "d/null", 1, 3), owned), node(tar.TypeBlock, "d/disk", 254, 0),
		directory("d/inner"),
	)
	for name, want := range map[string][3]uint32{
		"d": {123456, 654, 0o2755}, "d/inherits": {0, 0, 0o644}, "d/f": {123456, 654, 0o4755}, "d/l": {123456, 654, 0o777},
		"d/null": {123456, 654, 0o600}, "d/disk": {0, 0, 0o600}, "d/inner": {0, 0, 0o755},
	} {
		var status unix.Stat_t
		if err := unix.Lstat(filepath.Join(i.root, name), &status); err != nil {
			t.Fatal(err)
		}
		if got := [3]uint32{status.Uid, status.Gid, status.Mode & 0o7777}; got != want {
			t.Errorf("%s: %d:%d %o", name, got[0], got[1], got[2])
		}
	}
	value := make([]byte, 100)
	if n, err := unix.Lgetxattr(filepath.Join(i.root, "d/f"), "security.capability", value); err != nil || string(value[:n]) != capability {
		t.Errorf("capability %x, %v", value[:max(n, 0)], err)
	}
	if _, err := unix.Lgetxattr(filepath.Join(i.root, "d/f"), "trusted.overlay.opaque", value); err == nil {
		t.Error("an attribute of the overlay was set")
	}
	var device unix.Stat_t
	if err := unix.Stat(filepath.Join(i.root, "d/null"), &device); err != nil || device.Rdev != unix.Mkdev(1, 3) {
		t.Errorf("device %x, %v", device.Rdev, err)
	}
}

func TestHolesStayHoles(t *testing.T) {
	content := strings.Repeat("a", 5000) + strings.Repeat("\x00", 3<<20) + "b" + strings.Repeat("\x00", 70000)
	i := newImage(t)
	i.must(file("sparse", content), file("small", strings.Repeat("\x00", 5000)), file("empty", ""), file("zeros", strings.Repeat("\x00", 1<<20)))
	i.want(map[string]string{"sparse": content, "small": strings.Repeat("\x00", 5000), "empty": "", "zeros": strings.Repeat("\x00", 1<<20)})
	var status unix.Stat_t
	_ = unix.Stat(filepath.Join(i.root, "sparse"), &status)
	if status.Blocks*512 > 1<<20 {
		t.Errorf("%d bytes on disk", status.Blocks*512)
	}
}

// TestPackingsAndDigest: nobody says how a layer is packed.
func TestPackingsAndDigest(t *testing.T) {
	layer := append(archive(t, file("f", strings.Repeat("content", 1000))), make([]byte, 10240)...)
	sum := sha256.Sum256(layer)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	for name, packed := range map[string][]byte{"not at all": layer, "gzip": gzipped(t, layer), "zstd": zstded(t, layer)} {
		i := newImage(t)
		applied, err := i.builder.Apply(context.Background(), "", bytes.NewReader(packed))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if *applied.DiffID != digest || applied.EntryCount != 1 || applied.Bytes != int64(len(layer)) {
			t.Errorf("%s: %+v", name, applied)
		}
	}
	i := newImage(t)
	applied, err := i.builder.Apply(context.Background(), "none", bytes.NewReader(layer))
	if err != nil || applied.DiffID != nil {
		t.Errorf("%+v, %v", applied, err)
	}
	if _, err := i.builder.Apply(context.Background(), "md5", bytes.NewReader(layer)); codeOf(err) != protocol.CodeBadRequest {
		t.Errorf("md5: %v", err)
	}
}

// TestEmptyLayers change nothing, with an archive's end in them or without.
func TestEmptyLayers(t *testing.T) {
	for name, layer := range map[string][]byte{
		"no bytes": nil, "an end": archive(t), "packed": gzipped(t, archive(t)), "packed without an end": gzipped(t, nil),
	} {
		i := newImage(t)
		i.must(file("f", "kept"))
		if err := i.apply(layer); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		i.want(map[string]string{"f": "kept"})
	}
}

func TestPackingsThatAreNotRead(t *testing.T) {
	layer := archive(t, file("f", "x"))
	for start, words := range map[string]string{
		"\xfd7zXZ\x00": "packed with xz", "BZh91AY&SY": "packed with bzip2", "\x04\x22\x4d\x18": "packed with lz4",
		"\x1f\x8b": "gzip header is damaged", "\x28\xb5\x2f\xfd": "is damaged",
	} {
		i := newImage(t)
		err := i.apply(append([]byte(start), layer...))
		if codeOf(err) != refused || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", start, err)
		}
	}
}

func TestDecompressionIsBounded(t *testing.T) {
	var packed bytes.Buffer
	writer, err := zstd.NewWriter(&packed, zstd.WithWindowSize(zstd.MaxWindowSize))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.CopyN(writer, zeros{}, 1<<20)
	writer.Close()
	i := newImage(t)
	_, err = i.builder.Apply(context.Background(), "", &packed)
	if codeOf(err) != refused {
		t.Errorf("a window of 512 MiB: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(into []byte) (int, error) {
	clear(into)
	return len(into), nil
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = writer.Write(content)
	writer.Close()
	return packed.Bytes()
}

func zstded(t *testing.T, content []byte) []byte {
	t.Helper()
	writer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return writer.EncodeAll(content, nil)
}

func TestFullDisk(t *testing.T) {
	needRoot(t, "a file system of its own is needed")
	i := newImage(t)
	if err := unix.Mount("tmpfs", i.root, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no tmpfs here: %v", err)
	}
	defer unix.Unmount(i.root, unix.MNT_DETACH)
	err := i.apply(archive(t, file("big", strings.Repeat("x", 1<<20))))
	if codeOf(err) != protocol.CodeNoSpace || !strings.Contains(err.Error(), "big") {
		t.Errorf("got %v", err)
	}
}

func TestFinish(t *testing.T) {
	i := newImage(t)
	i.must(directory("etc"), file("etc/machine-id", "00000000000000000000000000000000\n"), link("etc/resolv.conf", "../run/resolv.conf"),
		link("etc/os-release", "../usr/lib/os-release"), file("usr/lib/os-release", "NAME=X\nPRETTY_NAME=\"Some Linux 1\"\n"),
		with(directory("tmp"), func(h *tar.Header) { h.Mode = 0o755 }), file("proc", "not a directory"), directory("lost+found"))
	finished, err := i.builder.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if finished.OSRelease == nil || *finished.OSRelease != "Some Linux 1" || finished.UsedBytes <= 0 {
		t.Errorf("got %+v", finished)
	}
	i.want(map[string]string{
		"etc": "dir", "etc/machine-id": "", "etc/os-release": "-> ../usr/lib/os-release", "usr": "dir", "usr/lib": "dir",
		"usr/lib/os-release": "NAME=X\nPRETTY_NAME=\"Some Linux 1\"\n", "tmp": "dir", "proc": "dir", "sys": "dir", "dev": "dir", "run": "dir", "workspace": "dir",
	})
	if status, err := os.Stat(filepath.Join(i.root, "tmp")); err != nil || status.Mode()&os.ModeSticky == 0 || status.Mode().Perm() != 0o777 {
		t.Errorf("/tmp: %v, %v", status.Mode(), err)
	}
	if err := i.apply(archive(t, file("late", "x"))); codeOf(err) != protocol.CodeConflict {
		t.Errorf("a layer after the end: %v", err)
	}
	if _, err := i.builder.Finish(); codeOf(err) != protocol.CodeConflict {
		t.Errorf("a second end: %v", err)
	}
}

func TestFinishEvil(t *testing.T) {
	i := newImage(t)
	i.must(link("etc", i.outside), link("proc", i.outside), link("tmp", "/"), node(tar.TypeFifo, "usr", 0, 0))
	if _, err := i.builder.Finish(); err != nil {
		t.Fatal(err)
	}
	i.checkOutside()
}

func TestPrettyName(t *testing.T) {
	for text, want := range map[string]string{
		"PRETTY_NAME=\"A B\"\n": "A B", "X=1\nPRETTY_NAME='c'": "c", "PRETTY_NAME=plain": "plain",
		"": "", "PRETTY_NAME=\n": "", "PRETTY_NAME=" + strings.Repeat("x", 999): "", "PRETTY_NAME=\xff": "?",
	} {
		got := prettyName([]byte(text))
		if got == nil && want != "" || got != nil && *got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestOneLayerAtATime(t *testing.T) {
	i := newImage(t)
	reading, release := make(chan struct{}), make(chan struct{})
	go func() {
		_ = i.applyReader(&gate{reading, release})
	}()
	<-reading
	if err := i.apply(archive(t, file("f", "x"))); codeOf(err) != protocol.CodeConflict {
		t.Errorf("got %v", err)
	}
	close(release)
}

func (i *image) applyReader(reader io.Reader) error {
	_, err := i.builder.Apply(context.Background(), "", reader)
	return err
}

// gate blocks its first read.
type gate struct{ reading, release chan struct{} }

func (g *gate) Read([]byte) (int, error) {
	close(g.reading)
	<-g.release
	return 0, io.ErrUnexpectedEOF
}
