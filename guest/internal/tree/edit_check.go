package tree

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// check holds what is there against what every operation expects.
func (e *edit) check() error {
	cursor := &cursor{root: e.tree.root}
	defer cursor.close()
	for i := range e.changes {
		if err := e.checkOne(cursor, &e.changes[i]); err != nil {
			return explain([]byte(e.changes[i].Path), err)
		}
	}
	return nil
}

func (e *edit) checkOne(cursor *cursor, one *change) error {
	above, name := split([]byte(one.Path))
	directory, err := cursor.enter(above)
	if err == nil {
		var status unix.Stat_t
		if status, err = statFile(directory, string(name)); err == nil {
			one.existing = &status
		}
	}
	switch {
	case errors.Is(err, unix.ENOENT):
	case errors.Is(err, unix.ENOTDIR) && e.isCleared(above):
	case err != nil:
		return err
	}
	if one.Expect == nil {
		if one.existing == nil {
			return nil
		}
		if kindOf(one.existing.Mode) == typeDirectory && e.isEmptied(one.Path) {
			one.existing = nil
			return nil
		}
		return protocol.Fail(protocol.CodeConflict, "%s exists", quote([]byte(one.Path)))
	}
	if one.existing == nil {
		return protocol.Fail(protocol.CodeConflict, "%s does not exist", quote([]byte(one.Path)))
	}
	return e.compare(directory, string(name), one)
}

// compare digests a file's content or a link's text.
func (e *edit) compare(directory int, name string, one *change) error {
	digest := ""
	var err error
	switch kind := kindOf(one.existing.Mode); {
	case kind == typeFile:
		digest, err = digestFile(e.ctx, directory, name, one.existing)
	case kind == typeLink && one.Op != editMode:
		digest, err = digestLink(directory, name)
	default:
		return protocol.Fail(protocol.CodeConflict, "%s is not what can be changed that way", quote([]byte(one.Path)))
	}
	if err != nil {
		return err
	}
	if digest != *one.Expect {
		return protocol.Fail(protocol.CodeConflict, "%s is not as expected", quote([]byte(one.Path)))
	}
	return nil
}

func digestFile(ctx context.Context, directory int, name string, known *unix.Stat_t) (string, error) {
	descriptor, err := openSame(directory, name, known)
	if err != nil {
		return "", err
	}
	defer unix.Close(descriptor)
	digests := digester{}
	return digests.digest(ctx, descriptor)
}

// openSame fails with errChanging when the name is not what was looked at any more.
func openSame(directory int, name string, known *unix.Stat_t) (int, error) {
	descriptor, err := unix.Openat(directory, name, openEntry, 0)
	if err != nil {
		return -1, err
	}
	var status unix.Stat_t
	if err = unix.Fstat(descriptor, &status); err == nil && !isSameFile(&status, known) {
		err = errChanging
	}
	if err != nil {
		_ = unix.Close(descriptor)
		return -1, err
	}
	return descriptor, nil
}

func digestLink(directory int, name string) (string, error) {
	var text [pathBytesMax + 1]byte
	length, err := unix.Readlinkat(directory, name, text[:])
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text[:length])
	return hex.EncodeToString(sum[:]), nil
}

// errChanging is about an entry that somebody changes meanwhile.
var errChanging = protocol.Fail(protocol.CodeConflict, "a file is being changed by somebody else")

// isSameFile tells whether two looks saw one entry with one content.
func isSameFile(one, other *unix.Stat_t) bool {
	return one.Dev == other.Dev && one.Ino == other.Ino && one.Mode == other.Mode &&
		one.Size == other.Size && one.Mtim == other.Mtim
}

// isEmptied tells whether the directory may be gone by the time its path is
// needed: deletes in it take it along once it is empty.
func (e *edit) isEmptied(path protocol.Text) bool {
	for i := range e.changes {
		if e.changes[i].Op == editDelete && strings.HasPrefix(string(e.changes[i].Path), string(path)+"/") {
			return true
		}
	}
	return false
}

// isCleared tells whether a file that stands where a directory is needed is deleted.
func (e *edit) isCleared(directory []byte) bool {
	for i := range e.changes {
		path := string(e.changes[i].Path)
		if e.changes[i].Op == editDelete && (path == string(directory) || strings.HasPrefix(string(directory), path+"/")) {
			return true
		}
	}
	return false
}
