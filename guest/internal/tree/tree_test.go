package tree

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// place is a tree in a directory of its own, with room around it to look for what got out.
type place struct {
	*testing.T
	*Tree
	around, directory string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	around := t.TempDir()
	directory := filepath.Join(around, "workspace")
	must(t, os.Mkdir(directory, 0o755))
	made := New(Place{Root: open(t, directory), StageParent: open(t, around), StageName: "stage"})
	t.Cleanup(made.End)
	return &place{t, made, around, directory}
}

func open(t testing.TB, directory string) int {
	t.Helper()
	descriptor, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	return descriptor
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *place) path(name string) string { return filepath.Join(p.directory, name) }

func (p *place) write(name, content string) {
	p.Helper()
	must(p, os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	must(p, os.WriteFile(p.path(name), []byte(content), 0o644))
}

func (p *place) read(name string) string {
	p.Helper()
	content, err := os.ReadFile(p.path(name))
	must(p, err)
	return string(content)
}

func (p *place) exists(name string) bool {
	_, err := os.Lstat(p.path(name))
	return err == nil
}

// clean fails when something of ours is left beside the tree.
func (p *place) clean() {
	p.Helper()
	entries, err := os.ReadDir(p.around)
	must(p, err)
	for _, entry := range entries {
		if entry.Name() != "workspace" {
			p.Errorf("%s is left beside the tree", entry.Name())
		}
	}
}

func (p *place) extract(path string, stream []byte) (Extracted, error) {
	return p.Extract(context.Background(), []byte(path), bytes.NewReader(stream))
}

// refused fails unless the error is a refusal with that code whose message has the text.
func refused(t *testing.T, what string, err error, code protocol.Code, text string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: was not refused", what)
		return
	}
	if failure := protocol.AsFailure(err); failure.Code != code || !strings.Contains(failure.Message, text) {
		t.Errorf("%s: %s %q, want %s with %q", what, failure.Code, failure.Message, code, text)
	}
}

// stream builds a tree stream, well or badly.
type stream struct {
	bytes []byte
	count int64
}

func (s *stream) add(one record) *stream {
	if one.digest == "" {
		one.digest = digestNone
	}
	s.bytes = one.append(s.bytes)
	s.count++
	return s
}

func (s *stream) file(path, content string) *stream {
	s.add(record{kind: typeFile, mode: 0o644, size: int64(len(content)), path: []byte(path)})
	return s.data(content).contentEnd()
}

func (s *stream) directory(path string) *stream {
	return s.add(record{kind: typeDirectory, mode: 0o755, path: []byte(path)})
}

func (s *stream) link(path, target string) *stream {
	return s.add(record{kind: typeLink, mode: 0o777, path: []byte(path), target: []byte(target)})
}

func (s *stream) data(content string) *stream {
	if content != "" {
		s.bytes = binary.BigEndian.AppendUint32(append(s.bytes, contentData), uint32(len(content)))
		s.bytes = append(s.bytes, content...)
	}
	return s
}

func (s *stream) contentEnd() *stream {
	s.bytes = appendContentEnd(s.bytes, false)
	return s
}

func (s *stream) end() []byte {
	last := record{kind: typeEnd, size: s.count, digest: digestNone}
	return last.append(s.bytes)
}
