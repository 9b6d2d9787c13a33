package tree

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

func editBody(document, contents string) io.Reader {
	return strings.NewReader(string(binary.BigEndian.AppendUint32(nil, uint32(len(document)))) + document + contents)
}

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func (p *place) edit(contents string, operations ...string) error {
	_, err := p.Edit(context.Background(), editBody(`{"operations":[`+strings.Join(operations, ",")+`]}`, contents))
	return err
}

func TestEdit(t *testing.T) {
	p := newPlace(t)
	p.write("changed", "old")
	must(t, os.Chmod(p.path("changed"), 0o751))
	p.write("a/b/deleted", "gone")
	p.write("run", "x")
	p.write("file", "becomes a directory")
	p.write("dir/one", "becomes a file")
	must(t, os.Symlink("old", p.path("link")))
	must(t, p.edit("newXYd",
		fmt.Sprintf(`{"op":"write","path":"changed","size":3,"expect":%q}`, digestOf("old")),
		`{"op":"write","path":"made/deep/file","size":1,"expect":null}`,
		`{"op":"write","path":{"base64":"//4="},"size":1,"mode":"4711"}`,
		fmt.Sprintf(`{"op":"delete","path":"a/b/deleted","expect":%q}`, digestOf("gone")),
		fmt.Sprintf(`{"op":"mode","path":"run","mode":"0755","expect":%q}`, digestOf("x")),
		fmt.Sprintf(`{"op":"symlink","path":"link","target":"new","expect":%q}`, digestOf("old")),
		fmt.Sprintf(`{"op":"delete","path":"file","expect":%q}`, digestOf("becomes a directory")),
		`{"op":"symlink","path":"file/inside","target":"x","expect":null}`,
		fmt.Sprintf(`{"op":"delete","path":"dir/one","expect":%q}`, digestOf("becomes a file")),
		`{"op":"write","path":"dir","size":1,"expect":null}`,
	))
	if p.read("changed") != "new" || p.read("made/deep/file") != "X" || p.read("\xff\xfe") != "Y" || p.read("dir") != "d" {
		t.Error("contents")
	}
	for name, mode := range map[string]uint32{"changed": 0o751, "made/deep/file": 0o644, "\xff\xfe": 0o4711, "run": 0o755} {
		var status unix.Stat_t
		must(t, unix.Stat(p.path(name), &status))
		if status.Mode&modeMax != mode {
			t.Errorf("%q has mode %o", name, status.Mode)
		}
	}
	if p.exists("a") {
		t.Error("empty directories are left")
	}
	if link, _ := os.Readlink(p.path("link")); link != "new" {
		t.Errorf("link %q", link)
	}
	p.clean()
}

func TestEditRefusals(t *testing.T) {
	p := newPlace(t)
	p.write("file", "there")
	must(t, os.Symlink("file", p.path("link")))
	must(t, os.Mkdir(p.path("dir"), 0o755))
	before := fmt.Sprint(p.describe())
	for name, test := range map[string]struct {
		operation string
		code      protocol.Code
	}{
		"is there":           {`{"op":"write","path":"file","size":0,"expect":null}`, protocol.CodeConflict},
		"is not there":       {`{"op":"write","path":"none","size":0,"expect":"` + digestOf("") + `"}`, protocol.CodeConflict},
		"is another":         {`{"op":"delete","path":"file","expect":"` + digestOf("other") + `"}`, protocol.CodeConflict},
		"directory":          {`{"op":"write","path":"dir","size":0,"expect":null}`, protocol.CodeConflict},
		"delete directory":   {`{"op":"delete","path":"dir","expect":"` + digestOf("") + `"}`, protocol.CodeConflict},
		"through a link":     {`{"op":"write","path":"link/x","size":0,"expect":null}`, protocol.CodeConflict},
		"mode of a link":     {`{"op":"mode","path":"link","mode":"600","expect":"` + digestOf("file") + `"}`, protocol.CodeConflict},
		"below a file":       {`{"op":"write","path":"file/x","size":0,"expect":null}`, protocol.CodeConflict},
		"no path":            {`{"op":"write","size":0}`, protocol.CodeBadRequest},
		"evil path":          {`{"op":"write","path":"../x","size":0}`, protocol.CodeBadRequest},
		"NUL":                {`{"op":"write","path":"a\u0000b","size":0}`, protocol.CodeBadRequest},
		"no size":            {`{"op":"write","path":"x"}`, protocol.CodeBadRequest},
		"size":               {`{"op":"write","path":"x","size":-1}`, protocol.CodeBadRequest},
		"mode":               {`{"op":"write","path":"x","size":0,"mode":"999"}`, protocol.CodeBadRequest},
		"digest":             {`{"op":"write","path":"x","size":0,"expect":"abc"}`, protocol.CodeBadRequest},
		"no mode":            {`{"op":"mode","path":"file","expect":"` + digestOf("there") + `"}`, protocol.CodeBadRequest},
		"delete nothing":     {`{"op":"delete","path":"file","expect":null}`, protocol.CodeBadRequest},
		"link without text":  {`{"op":"symlink","path":"x"}`, protocol.CodeBadRequest},
		"unknown":            {`{"op":"chown","path":"x"}`, protocol.CodeBadRequest},
		"content is missing": {`{"op":"write","path":"x","size":5}`, protocol.CodeBadRequest},
		"twice":              {`{"op":"symlink","path":"x","target":"a"},{"op":"symlink","path":"x","target":"b"}`, protocol.CodeBadRequest},
	} {
		err := p.edit("", `{"op":"symlink","path":"first","target":"x","expect":null}`, test.operation)
		refused(t, name, err, test.code, "")
		if after := fmt.Sprint(p.describe()); after != before {
			t.Errorf("%s: the tree became %s", name, after)
		}
		p.clean()
	}
	refused(t, "more content", p.edit("x", `{"op":"symlink","path":"first","target":"x"}`), protocol.CodeBadRequest, "more content")
	refused(t, "no operations", p.edit(""), protocol.CodeBadRequest, "no operations")
	_, err := p.Edit(context.Background(), strings.NewReader("\x00\x40\x00\x01{}"))
	refused(t, "a large document", err, protocol.CodeLimitExceeded, "document")
}

// TestEditUndoesEverything: the last step fails where no check could foresee it.
func TestEditUndoesEverything(t *testing.T) {
	p := newPlace(t)
	p.write("changed", "old")
	p.write("a/b/deleted", "gone")
	must(t, os.Chmod(p.path("a/b"), 0o711))
	p.write("run", "x")
	p.write("dir/one", "1")
	p.write("dir/two", "keeps the directory")
	must(t, os.Symlink("old", p.path("link")))
	before := p.scan(ScanOptions{Digest: true})
	err := p.edit("newXY",
		fmt.Sprintf(`{"op":"write","path":"changed","size":3,"expect":%q}`, digestOf("old")),
		`{"op":"write","path":"made/deep/file","size":1,"expect":null}`,
		fmt.Sprintf(`{"op":"delete","path":"a/b/deleted","expect":%q}`, digestOf("gone")),
		`{"op":"symlink","path":"a/other","target":"x","expect":null}`,
		fmt.Sprintf(`{"op":"mode","path":"run","mode":"0755","expect":%q}`, digestOf("x")),
		fmt.Sprintf(`{"op":"symlink","path":"link","target":"new","expect":%q}`, digestOf("old")),
		fmt.Sprintf(`{"op":"delete","path":"dir/one","expect":%q}`, digestOf("1")),
		// Might have been emptied, and was not.
		`{"op":"write","path":"dir","size":1,"expect":null}`,
	)
	refused(t, "the last step", err, protocol.CodeConflict, "dir")
	after := p.scan(ScanOptions{Digest: true})
	if len(after) != len(before) {
		t.Errorf("%d entries became %d", len(before), len(after))
	}
	for path, one := range before {
		again := after[path]
		if again.kind != one.kind || again.mode != one.mode || again.digest != one.digest || string(again.target) != string(one.target) {
			t.Errorf("%s: %+v became %+v", path, one, again)
		}
	}
	p.clean()
}

func TestWrite(t *testing.T) {
	p := newPlace(t)
	write := func(path, content string, mode *uint32) (Written, error) {
		whole := NewContent{From: strings.NewReader(content), Bytes: int64(len(content)), Mode: mode}
		return p.Write(context.Background(), []byte(path), whole)
	}
	if written, err := write("a/b", "first", nil); err != nil || !written.Created || written.Bytes != 5 {
		t.Errorf("%+v, %v", written, err)
	}
	must(t, os.Chmod(p.path("a/b"), 0o640))
	if written, err := write("a/b", "", nil); err != nil || written.Created || p.read("a/b") != "" {
		t.Errorf("%+v, %v", written, err)
	}
	mode := uint32(0o4755)
	_, err := write("c", "x", &mode)
	must(t, err)
	for name, want := range map[string]uint32{"a/b": 0o640, "c": 0o4755} {
		var status unix.Stat_t
		must(t, unix.Stat(p.path(name), &status))
		if status.Mode&modeMax != want {
			t.Errorf("%s has mode %o", name, status.Mode)
		}
	}
	must(t, os.Symlink("c", p.path("link")))
	must(t, unix.Mkfifo(p.path("fifo"), 0o600))
	for _, bad := range []string{"link", "a", "fifo", "link/x", "c/x", ""} {
		_, err := write(bad, "x", nil)
		refused(t, bad, err, protocol.CodeConflict, "")
	}
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write([]byte("half"))
		writer.CloseWithError(io.ErrUnexpectedEOF)
	}()
	if _, err := p.Write(context.Background(), []byte("c"), NewContent{From: reader, Bytes: 8}); err == nil || p.read("c") != "x" {
		t.Errorf("a broken write: %v", err)
	}
	for content, message := range map[string]string{"": "it ends too early", "half": "it ends too early", "more than": "more than the announced 8 bytes follow"} {
		_, err := p.Write(context.Background(), []byte("c"), NewContent{From: strings.NewReader(content), Bytes: 8})
		refused(t, content, err, protocol.CodeBadRequest, message)
		if p.read("c") != "x" {
			t.Errorf("%q of 8 bytes was taken", content)
		}
	}
	p.clean()
}

func TestOpen(t *testing.T) {
	p := newPlace(t)
	p.write("dir/file", "0123456789")
	must(t, os.Symlink("../dir/file", p.path("dir/link")))
	must(t, os.Symlink("../../outside", p.path("dir/out")))
	must(t, os.WriteFile(p.around+"/outside", nil, 0o600))
	must(t, unix.Mkfifo(p.path("fifo"), 0o600))
	for path, code := range map[string]protocol.Code{
		"dir": protocol.CodeConflict, "": protocol.CodeConflict, "fifo": protocol.CodeConflict, "dir/out": protocol.CodeConflict, "none": protocol.CodeNotFound,
	} {
		_, err := p.Open([]byte(path))
		refused(t, path, err, code, "")
	}
	file, err := p.Open([]byte("dir/link"))
	must(t, err)
	defer file.Close()
	for _, test := range []struct {
		offset, limit int64
		want          string
	}{{0, 1 << 60, "0123456789"}, {3, 4, "3456"}, {8, 100, "89"}, {10, 5, ""}, {1 << 40, 5, ""}, {0, 0, ""}} {
		var got strings.Builder
		if err := file.Send(context.Background(), test.offset, test.limit, &got); err != nil || got.String() != test.want {
			t.Errorf("%+v: %q, %v", test, got.String(), err)
		}
	}
	if file.Size != 10 || file.Mode != 0o644 {
		t.Errorf("%+v", file)
	}
}
