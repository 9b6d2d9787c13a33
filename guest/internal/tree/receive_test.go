package tree

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

func TestEvilEntries(t *testing.T) {
	long := strings.Repeat(strings.Repeat("x", 200)+"/", 21) + "x"
	for name, test := range map[string]struct {
		build   func(*stream) *stream
		code    protocol.Code
		message string
	}{
		"upwards":             {func(s *stream) *stream { return s.file("../out", "x") }, protocol.CodeBadRequest, ".."},
		"upwards later":       {func(s *stream) *stream { return s.file("dir/../../out", "x") }, protocol.CodeBadRequest, ".."},
		"absolute":            {func(s *stream) *stream { return s.file("/out", "x") }, protocol.CodeBadRequest, "empty"},
		"double slash":        {func(s *stream) *stream { return s.file("a//b", "x") }, protocol.CodeBadRequest, "empty"},
		"dot":                 {func(s *stream) *stream { return s.directory(".") }, protocol.CodeBadRequest, "is . or .."},
		"long":                {func(s *stream) *stream { return s.file(long, "x") }, protocol.CodeBadRequest, "4095"},
		"long component":      {func(s *stream) *stream { return s.file(strings.Repeat("x", 256), "x") }, protocol.CodeBadRequest, "255"},
		"deep":                {func(s *stream) *stream { return s.file(strings.Repeat("a/", 1000)+"a", "x") }, protocol.CodeBadRequest, "1000"},
		"through a link":      {func(s *stream) *stream { return s.link("l", "..").file("l/out", "x") }, protocol.CodeConflict, "symbolic link"},
		"directory on a link": {func(s *stream) *stream { return s.link("l", "..").directory("l") }, protocol.CodeConflict, "link"},
		"directory on a file": {func(s *stream) *stream { return s.directory("file") }, protocol.CodeConflict, "no directory"},
		"below a file":        {func(s *stream) *stream { return s.file("file/x", "x") }, protocol.CodeConflict, "no directory"},
		"file on a directory": {func(s *stream) *stream { return s.file("dir", "x") }, protocol.CodeConflict, "directory"},
		"link on a directory": {func(s *stream) *stream { return s.link("dir", "x") }, protocol.CodeConflict, "directory"},
		"name of a directory": {func(s *stream) *stream {
			return s.add(record{kind: typeFurtherName, path: []byte("h"), target: []byte("dir")})
		}, protocol.CodeConflict, "no file"},
		"name through a link": {func(s *stream) *stream {
			return s.link("l", "..").add(record{kind: typeFurtherName, path: []byte("h"), target: []byte("l/secret")})
		}, protocol.CodeConflict, "symbolic link"},
		"name of nothing": {func(s *stream) *stream {
			return s.add(record{kind: typeFurtherName, path: []byte("h"), target: []byte("none")})
		}, protocol.CodeNotFound, "none"},
		"device": {func(s *stream) *stream {
			return s.add(record{kind: typeBlockDevice, path: []byte("b")})
		}, protocol.CodeBadRequest, "device"},
		"fifo":             {func(s *stream) *stream { return s.add(record{kind: typeFifo, path: []byte("p")}) }, protocol.CodeBadRequest, "fifo"},
		"top as a file":    {func(s *stream) *stream { return s.file("", "x") }, protocol.CodeConflict, "own directory"},
		"too much content": {func(s *stream) *stream { return half(s, "new", 3).data("four").contentEnd() }, protocol.CodeBadRequest, "more than the 3"},
		"too little":       {func(s *stream) *stream { return half(s, "new", 5).data("four").contentEnd() }, protocol.CodeBadRequest, "content of 4"},
		"broken off":       {func(s *stream) *stream { s.count--; return half(s, "new", 5).data("four") }, protocol.CodeBadRequest, "malformed"},
	} {
		p := newPlace(t)
		p.write("file", "kept")
		p.write("dir/kept", "kept")
		secret := p.around + "/secret"
		must(t, os.WriteFile(secret, nil, 0o600))
		_, err := p.extract("", test.build(&stream{}).end())
		refused(t, name, err, test.code, test.message)
		if p.read("file") != "kept" || p.read("dir/kept") != "kept" || p.exists("new") {
			t.Errorf("%s: something was changed", name)
		}
		var status unix.Stat_t
		must(t, unix.Stat(secret, &status))
		if status.Nlink != 1 {
			t.Errorf("%s: the secret got another name", name)
		}
		must(t, os.Remove(secret))
		p.clean()
	}
}

// half is a file's record without its content.
func half(s *stream, path string, size int64) *stream {
	return s.add(record{kind: typeFile, mode: 0o644, size: size, path: []byte(path)})
}

func TestExtractReplaces(t *testing.T) {
	p := newPlace(t)
	p.write("file", "old")
	p.write("held", "old")
	must(t, os.Symlink("file", p.path("link")))
	must(t, unix.Mkfifo(p.path("fifo"), 0o600))
	held, err := os.Open(p.path("held"))
	must(t, err)
	defer held.Close()
	_, err = p.extract("", (&stream{}).file("file", "new").file("held", "new").file("link", "new").link("fifo", "x").file("a/b/c", "new").end())
	must(t, err)
	for _, name := range []string{"file", "held", "link", "a/b/c"} {
		if p.read(name) != "new" {
			t.Errorf("%s is %q", name, p.read(name))
		}
	}
	if status, err := os.Lstat(p.path("link")); err != nil || !status.Mode().IsRegular() {
		t.Error("the link was followed, not replaced")
	}
	if old, _ := io.ReadAll(held); string(old) != "old" {
		t.Errorf("who had it open reads %q", old)
	}
	p.clean()
}

func TestExtractBelowAPath(t *testing.T) {
	p := newPlace(t)
	body := (&stream{}).file("a", "x").add(record{kind: typeFurtherName, path: []byte("b"), target: []byte("a")}).end()
	_, err := p.extract("some/where", body)
	must(t, err)
	if p.read("some/where/b") != "x" {
		t.Error("not there")
	}
	if _, err := p.extract("made", (&stream{}).end()); err != nil || !p.exists("made") {
		t.Errorf("an empty stream makes its directory: %v", err)
	}
	_, err = p.extract(strings.Repeat(strings.Repeat("y", 200)+"/", 19)+"y", (&stream{}).file(strings.Repeat("z/", 200)+"z", "x").end())
	refused(t, "both together", err, protocol.CodeBadRequest, "4095")
}

// TestExtractEndsPromptly: a client that leaves takes its half file along.
func TestExtractEndsPromptly(t *testing.T) {
	p := newPlace(t)
	p.write("old", "old")
	for _, name := range []string{"old", "new"} {
		ctx, cancel := context.WithCancel(context.Background())
		body := half(&stream{}, name, 100).data("some of it").bytes
		reader, writer := io.Pipe()
		ended := make(chan error)
		go func() {
			_, err := p.Extract(ctx, nil, reader)
			ended <- err
		}()
		_, err := writer.Write(body)
		must(t, err)
		cancel()
		writer.CloseWithError(errors.New("the client left"))
		if err := <-ended; err == nil {
			t.Error("no error")
		}
	}
	if p.read("old") != "old" || p.exists("new") {
		t.Error("half a file is left")
	}
	p.clean()
}

// swapper turns a directory of the tree into a link that leads out and back, as fast as it can.
func swapper(p *place, name, target string) (stop func()) {
	must(p, os.Symlink(target, p.path("swap")))
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, p.path("swap"), unix.AT_FDCWD, p.path(name), unix.RENAME_EXCHANGE)
			}
		}
	}()
	return func() { close(done); <-stopped }
}

func TestNothingOutsideIsTouched(t *testing.T) {
	p := newPlace(t)
	p.write("dir/sub/file", "inside")
	outside := p.around + "/outside"
	must(t, os.MkdirAll(outside+"/sub", 0o755))
	must(t, os.WriteFile(outside+"/sub/file", []byte("outside"), 0o644))
	stop := swapper(p, "dir", outside)
	body := (&stream{}).directory("dir").directory("dir/sub").file("dir/sub/file", "new").file("dir/sub/more", "new").link("dir/sub/link", "x").end()
	edit := `{"operations":[{"op":"write","path":"dir/sub/edited","mode":"0644","size":1},{"op":"symlink","path":"dir/made/link","target":"x"}]}`
	for range 300 {
		_, _ = p.extract("", body)
		_, _ = p.Write(context.Background(), []byte("dir/sub/written"), NewContent{From: strings.NewReader("x"), Bytes: 1})
		_, _ = p.Edit(context.Background(), editBody(edit, "x"))
		file, err := p.Open([]byte("dir/sub/file"))
		if err == nil {
			var got bytes.Buffer
			_ = file.Send(context.Background(), 0, 100, &got)
			file.Close()
			if got.String() == "outside" {
				t.Fatal("read from outside")
			}
		}
		var archived bytes.Buffer
		_ = p.Archive(context.Background(), []byte("dir"), nil, &archived)
		if bytes.Contains(archived.Bytes(), []byte("outside")) && !bytes.Contains(archived.Bytes(), []byte(outside)) {
			t.Fatal("archived from outside")
		}
	}
	stop()
	entries, err := os.ReadDir(outside + "/sub")
	must(t, err)
	content, _ := os.ReadFile(outside + "/sub/file")
	if len(entries) != 1 || string(content) != "outside" {
		t.Errorf("outside was changed: %v, %q", entries, content)
	}
	if more, _ := os.ReadDir(outside); len(more) != 1 {
		t.Errorf("outside got %v", more)
	}
	must(t, os.RemoveAll(outside))
	p.clean()
}
