package layer

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pyro.dev/guest/internal/protocol"
)

// evil archives must be refused, or be applied without a trace outside the target.
type evil struct {
	layers func(i *image) [][]entry
	// code of the refusal of the last layer; empty where it is applied.
	code protocol.Code
}

func one(entries ...entry) func(*image) [][]entry {
	return func(*image) [][]entry { return [][]entry{entries} }
}

const refused = protocol.CodeArchiveRefused

var evils = map[string]evil{
	"parent in the name":         {one(file("../outside/secret", "x")), refused},
	"parent in the middle":       {one(file("a/../../outside/secret", "x")), refused},
	"parent at the end":          {one(directory("a/..")), refused},
	"parent alone":               {one(directory("..")), refused},
	"parent in an absolute name": {one(file("/../outside/secret", "x")), refused},
	"long component":             {one(file(strings.Repeat("a", 256), "x")), refused},
	"long name":                  {one(file(strings.Repeat("a/", 2100)+"b", "x")), protocol.CodeLimitExceeded},
	"root as a pipe":             {one(node(tar.TypeFifo, ".", 0, 0)), refused},
	"root as a link":             {one(link("./", "/")), refused},
	"absolute name through a link out": {func(i *image) [][]entry {
		return [][]entry{{link("l", i.outside), file("/l/secret", "x")}}
	}, ""},
	"link out by parents, then write": {one(link("l", "../outside"), file("l/secret", "x")), ""},
	"link out, absolute, then write": {func(i *image) [][]entry {
		return [][]entry{{link("l", i.outside), file("l/secret", "x")}}
	}, ""},
	"link out and write in two layers": {func(i *image) [][]entry {
		return [][]entry{{link("l", "../../../../.."+i.outside)}, {file("l/secret", "x")}}
	}, ""},
	"link to the real root, then write": {one(link("l", "/"), file("l/inside", "x")), ""},
	"chain of links":                    {one(link("a", "b"), link("b", "c"), link("c", ".."), file("a/outside/secret", "x")), ""},
	"link loop":                         {one(link("a", "b"), link("b", "a"), file("a/x", "x")), refused},
	"link to itself":                    {one(link("a", "a"), file("a/x", "x")), refused},
	"magic link":                        {one(link("l", "/proc/self/root"), file("l/x", "x")), ""},
	"link to itself below nothing":      {one(link("a", "b/c"), link("b", "a/d"), file("a/x", "x")), refused},
	"link up from what is missing":      {one(link("l", "missing/../../outside"), file("l/secret", "x")), refused},
	"link through a file":               {one(file("f", "x"), link("l", "f/x"), file("l/x", "x")), refused},
	"write over a link to a file": {func(i *image) [][]entry {
		return [][]entry{{link("l", filepath.Join(i.outside, "secret"))}, {file("l", "x")}}
	}, ""},
	"hard link out by parents": {one(hardLink("h", "../outside/secret")), refused},
	"hard link out, absolute": {func(i *image) [][]entry {
		return [][]entry{{hardLink("h", filepath.Join(i.outside, "secret"))}}
	}, refused},
	"hard link through a link": {func(i *image) [][]entry {
		return [][]entry{{link("l", i.outside), hardLink("h", "l/secret"), file("h", "x")}}
	}, refused},
	"hard link to a link out, then write": {func(i *image) [][]entry {
		return [][]entry{{link("l", filepath.Join(i.outside, "secret")), hardLink("h", "l"), file("h", "x")}}
	}, ""},
	"hard link to a directory":      {one(directory("d"), hardLink("h", "d")), refused},
	"hard link to nothing":          {one(hardLink("h", "nowhere")), refused},
	"hard link to the root":         {one(hardLink("h", "/")), refused},
	"hard link to what it replaces": {one(directory("d"), file("d/f", "x"), hardLink("d", "d/f")), refused},
	"whiteout of the parent":        {one(file(".wh...", "")), refused},
	"whiteout of itself":            {one(file(".wh..", "")), refused},
	"whiteout of nothing":           {one(file("a/.wh.", "")), refused},
	"whiteout of a whiteout":        {one(file(".wh..wh.x", "")), refused},
	"something in a whiteout":       {one(file(".wh.a/b", "x")), refused},
	"whiteout through a link out": {func(i *image) [][]entry {
		return [][]entry{{link("l", i.outside)}, {file("l/.wh.secret", "")}}
	}, ""},
	"opaque through a link out": {func(i *image) [][]entry {
		return [][]entry{{link("l", "../outside")}, {file("l/.wh..wh..opq", "")}}
	}, ""},
	"whiteout of a link out": {func(i *image) [][]entry {
		return [][]entry{{link("l", i.outside)}, {file(".wh.l", "")}}
	}, ""},
	"replaced directory with links out in it": {func(i *image) [][]entry {
		return [][]entry{{directory("d"), link("d/l", i.outside)}, {file("d", "x")}}
	}, ""},
	"file as a directory":    {one(file("f", "x"), file("f/g", "x")), refused},
	"directory under a pipe": {one(node(tar.TypeFifo, "p", 0, 0), file("p/x", "x")), refused},
	"write over a pipe":      {one(node(tar.TypeFifo, "p", 0, 0), file("p", "x")), ""},
	"unknown type":           {one(with(file("f", ""), func(h *tar.Header) { h.Typeflag = 'Z' })), refused},
	"attribute of the overlay": {one(with(file("f", ""), func(h *tar.Header) {
		h.PAXRecords = map[string]string{"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.system.posix_acl_access": "x"}
	})), ""},
	"empty link":             {one(link("l", "x"), with(link("m", "x"), func(h *tar.Header) { h.Linkname = "" })), refused},
	"same file a few times":  {one(file("f", "1"), file("f", "2"), directory("f"), link("f", "x"), file("f", "3")), ""},
	"set-id bits on the way": {one(with(directory("d"), func(h *tar.Header) { h.Mode = 0o7777 }), file("d/f", "x")), ""},
}

func TestEvilArchives(t *testing.T) {
	if len(evils) < 25 {
		t.Fatalf("only %d", len(evils))
	}
	for name, test := range evils {
		t.Run(name, func(t *testing.T) {
			i := newImage(t)
			layers := test.layers(i)
			var err error
			for number, layer := range layers {
				err = i.apply(archive(t, layer...))
				if err != nil && number < len(layers)-1 {
					t.Fatalf("layer %d: %v", number, err)
				}
			}
			i.checkOutside()
			if codeOf(err) != test.code || err != nil && test.code == "" {
				t.Errorf("got %v, not %q", err, test.code)
			}
		})
	}
}

// TestEvilBytes are archives no writer makes.
func TestEvilBytes(t *testing.T) {
	good := archive(t, file("a", "content"), file("b", "content"))
	for name, layer := range map[string][]byte{
		"not an archive":             bytes.Repeat([]byte("junk"), 1000),
		"cut off in a header":        good[:512*3+100],
		"cut off in the content":     good[:512*4-200],
		"cut off between blocks":     archive(t, file("a", strings.Repeat("x", 5000)))[:512*3+1024],
		"bad checksum":               flip(good, 150),
		"NUL in a long name":         paxArchive("path", "a\x00b"),
		"absolute name that leaves":  paxArchive("path", "/"+strings.Repeat("a/", 100)+"../x"),
		"parents in a long name":     paxArchive("path", "a/../../../outside/secret"),
		"negative size":              paxArchive("size", "-5"),
		"absurd size":                paxArchive("size", "9223372036854775807"),
		"size over the limit":        paxArchive("size", "99999999999999"),
		"negative owner":             paxArchive("uid", "-1"),
		"owner that means no change": paxArchive("uid", "4294967295"),
		"owner out of range":         paxArchive("uid", "99999999999"),
		"huge sparse file":           sparseArchive(1 << 40),
	} {
		t.Run(name, func(t *testing.T) {
			i := newImage(t)
			err := i.apply(layer)
			i.checkOutside()
			if code := codeOf(err); code != refused && code != protocol.CodeLimitExceeded {
				t.Errorf("got %v", err)
			}
		})
	}
}

func flip(layer []byte, at int) []byte {
	damaged := bytes.Clone(layer)
	damaged[at] ^= 0x40
	return damaged
}

// paxArchive has one file whose extended header says one thing.
func paxArchive(key, value string) []byte {
	record := paxRecord(key, value)
	var packed bytes.Buffer
	packed.Write(rawHeader("pax", 'x', int64(len(record))))
	packed.WriteString(record)
	packed.Write(make([]byte, 512-len(record)%512))
	packed.Write(rawHeader("plain", '0', 0))
	packed.Write(make([]byte, 1024))
	return packed.Bytes()
}

func paxRecord(key, value string) string {
	body := " " + key + "=" + value + "\n"
	length := len(body)
	for {
		record := itoa(length) + body
		if len(record) == length {
			return record
		}
		length = len(record)
	}
}

func itoa(number int) string {
	digits := ""
	for ; number > 0; number /= 10 {
		digits = string(rune('0'+number%10)) + digits
	}
	return digits
}

func sparseArchive(size int64) []byte {
	records := paxRecord("GNU.sparse.major", "1") + paxRecord("GNU.sparse.minor", "0") +
		paxRecord("GNU.sparse.name", "hole") + paxRecord("GNU.sparse.realsize", itoa(int(size)))
	var packed bytes.Buffer
	packed.Write(rawHeader("pax", 'x', int64(len(records))))
	packed.WriteString(records)
	packed.Write(make([]byte, 512-len(records)%512))
	packed.Write(rawHeader("hole", '0', 512))
	content := make([]byte, 512)
	copy(content, "0\n")
	packed.Write(content)
	packed.Write(make([]byte, 1024))
	return packed.Bytes()
}

func rawHeader(name string, kind byte, size int64) []byte {
	header := make([]byte, 512)
	copy(header, name)
	copy(header[100:], "0000644\x00")
	copy(header[108:], "0000000\x00")
	copy(header[116:], "0000000\x00")
	copy(header[124:], octal(size, 11)+"\x00")
	copy(header[136:], "00000000000\x00")
	header[156] = kind
	copy(header[257:], "ustar\x0000")
	copy(header[148:], "        ")
	sum := int64(0)
	for _, b := range header {
		sum += int64(b)
	}
	copy(header[148:], octal(sum, 6)+"\x00 ")
	return header
}

func octal(number int64, width int) string {
	digits := make([]byte, width)
	for i := width - 1; i >= 0; i-- {
		digits[i] = '0' + byte(number&7)
		number >>= 3
	}
	return string(digits)
}

func FuzzParseName(f *testing.F) {
	f.Add("usr/./bin//x")
	f.Add("../x")
	f.Add("a/.wh.b")
	f.Fuzz(func(t *testing.T, text string) {
		name, err := parseName(text)
		if err != nil {
			return
		}
		for component := range strings.SplitSeq(name.full(), "/") {
			if component == ".." || component == "." || strings.ContainsRune(component, 0) || len(component) > componentBytesMax {
				t.Errorf("%q gives %q", text, name.full())
			}
		}
		if strings.HasPrefix(name.full(), "/") || strings.Contains(name.base, "/") {
			t.Errorf("%q gives %q", text, name.full())
		}
		hidden, isWhiteout, err := parseWhiteout(name, text)
		if err == nil && isWhiteout && (hidden == "." || hidden == ".." || strings.Contains(hidden, "/")) {
			t.Errorf("%q hides %q", text, hidden)
		}
	})
}

// FuzzApply mutates whole archives; what is beside the target must stay.
func FuzzApply(f *testing.F) {
	f.Add(archive(f, directory("d"), link("l", "../outside"), file("d/f", "x"), hardLink("h", "d/f"), file(".wh.d", "")))
	f.Add(paxArchive("path", "../outside/secret"))
	f.Add(sparseArchive(1 << 20))
	f.Add(archive(f, node(tar.TypeFifo, "p", 0, 0), file("d/.wh..wh..opq", "")))
	sparseBytesMax = 1 << 20
	f.Fuzz(func(t *testing.T, layer []byte) {
		if len(layer) > 1<<20 {
			return
		}
		i := newImage(t)
		_ = i.apply(layer)
		i.checkOutside()
		_ = os.RemoveAll(i.root)
	})
}
