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

// Write makes the content that of one file, at once. Without a mode an existing
// file keeps its own.
func (t *Tree) Write(ctx context.Context, path []byte, mode *uint32, from io.Reader) (Written, error) {
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
	bytes, err := copyContent(ctx, waiting.descriptor, from)
	if err != nil {
		return Written{}, explain(path, err)
	}
	created, err := t.putFile(path, mode, waiting)
	return Written{bytes, created}, explain(path, err)
}

// copyContent writes a body to its end.
func copyContent(ctx context.Context, descriptor int, from io.Reader) (int64, error) {
	body := newInput(from)
	writer := contentWriter{input: body, descriptor: descriptor}
	for {
		hasEnded, err := body.hasEnded()
		if err != nil || hasEnded {
			return writer.offset, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := writer.data(int64(min(len(body.buffered()), writeBytes))); err != nil {
			return 0, err
		}
	}
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
