package tree

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// fileModeDefault is that of a new file nobody gave a mode.
const fileModeDefault = 0o644

// Written is the answer of POST /v1/tree/write.
type Written struct {
	Bytes   int64 `json:"bytes"`
	Created bool  `json:"created"`
}

// NewContent is what a file is to have.
type NewContent struct {
	From io.Reader
	// Bytes is how many there must be: a client that gave up may end its request like a whole one.
	Bytes int64
	// Mode is nil where an existing file keeps its own.
	Mode *uint32
}

// Write makes the content that of one file, at once.
func (t *Tree) Write(ctx context.Context, path []byte, content NewContent) (Written, error) {
	if len(path) == 0 {
		return Written{}, protocol.Fail(protocol.CodeConflict, "the tree's own directory is no file")
	}
	// Refused before the content is received, and looked at again after.
	if _, err := t.lookAtFile(path); err != nil {
		return Written{}, explain(path, err)
	}
	directory, err := t.stage.enter()
	if err != nil {
		return Written{}, err
	}
	defer t.stage.leave()
	waiting, err := t.stage.newFile(directory)
	if err != nil {
		return Written{}, explain(path, err)
	}
	defer waiting.discard()
	if err := content.copyTo(ctx, waiting.descriptor); err != nil {
		return Written{}, explain(path, err)
	}
	created, err := t.putFile(path, content.Mode, waiting)
	return Written{content.Bytes, created}, explain(path, err)
}

// copyTo writes a body that has as many bytes as were announced.
func (c NewContent) copyTo(ctx context.Context, descriptor int) error {
	body := newInput(c.From)
	writer := contentWriter{input: body, descriptor: descriptor}
	for left := c.Bytes; left > 0; left = c.Bytes - writer.offset {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := writer.data(min(left, writeBytes)); err != nil {
			return err
		}
	}
	hasEnded, err := body.hasEnded()
	if err == nil && !hasEnded {
		err = protocol.Fail(protocol.CodeBadRequest, "more than the announced %d bytes follow", c.Bytes)
	}
	return err
}

// putFile moves a whole file to its place.
func (t *Tree) putFile(path []byte, mode *uint32, waiting *draft) (created bool, err error) {
	t.changes.Lock()
	defer t.changes.Unlock()
	owner, err := t.owner()
	if err != nil {
		return false, err
	}
	existing, err := t.lookAtFile(path)
	if err != nil {
		return false, err
	}
	wanted := uint32(fileModeDefault)
	if existing != nil {
		owner, wanted = ownerOf(existing), existing.Mode&modeMax
	}
	if mode != nil {
		wanted = *mode
	}
	if err := waiting.finish(owner, wanted); err != nil {
		return false, err
	}
	cursor := &cursor{root: t.root}
	defer cursor.close()
	above, name := split(path)
	parent, err := cursor.make(above, owner.giveParent)
	if err != nil {
		return false, err
	}
	if err := unix.Renameat(waiting.directory, waiting.name, parent, string(name)); err != nil {
		return false, err
	}
	return existing == nil, flushDirectory(parent)
}

// flushDirectory makes a name that was given survive the machine's end.
func flushDirectory(directory int) error {
	readable, err := unix.Openat(directory, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(readable)
	return unix.Fsync(readable)
}

// finish gives a staged file owner and mode, flushes and closes it.
func (d *draft) finish(owner owner, mode uint32) error {
	if err := owner.giveFile(d.descriptor); err != nil {
		return err
	}
	if err := unix.Fchmod(d.descriptor, mode); err != nil {
		return err
	}
	if err := unix.Fsync(d.descriptor); err != nil {
		return err
	}
	d.closeFile()
	return nil
}

// lookAtFile answers nil for what does not exist, and refuses everything but files.
func (t *Tree) lookAtFile(path []byte) (*unix.Stat_t, error) {
	handle, err := openBelow(t.root, string(path), unix.O_PATH, strictly)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(handle)
	var status unix.Stat_t
	if err := unix.Fstat(handle, &status); err != nil {
		return nil, err
	}
	switch kindOf(status.Mode) {
	case typeFile:
		return &status, nil
	case typeDirectory:
		return nil, unix.EISDIR
	default:
		return nil, protocol.Fail(protocol.CodeConflict, "%s is no regular file", quote(path))
	}
}
