package tree

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	permissionBits = 0o777
	specialBits    = 0o7000
	// writeBytes are gathered for one write, as far as the content goes.
	writeBytes = 64 << 10
)

// file writes a new file in its place; one that takes another's place waits on the stage until it is whole.
func (r *receive) file(one *record) error {
	directory, name, err := r.parent()
	if err != nil {
		return err
	}
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	made := &draft{directory: directory, name: name}
	made.descriptor, err = unix.Openat(directory, name, flags, one.mode&permissionBits)
	isReplacing := err == unix.EEXIST
	if isReplacing {
		made, err = r.replacement(directory, name)
	}
	if err != nil {
		return err
	}
	// The record's texts end with the first byte of content that is read.
	described := *one
	if err := r.fill(made.descriptor, &described, isReplacing); err != nil {
		made.discard()
		return err
	}
	made.closeFile()
	if !isReplacing {
		return nil
	}
	// What is left on the stage afterwards is what was replaced, or the new file itself.
	defer made.discard()
	return replace(made, directory, name)
}

// replace puts a whole file into the place of another. Exchanging them, rather
// than renaming over the other, keeps the file system from flushing the new one.
func replace(made *draft, directory int, name string) error {
	err := unix.Renameat2(made.directory, made.name, directory, name, unix.RENAME_EXCHANGE)
	if err != nil {
		// The other vanished meanwhile, or this file system cannot exchange.
		return unix.Renameat(made.directory, made.name, directory, name)
	}
	status, err := statFile(made.directory, made.name)
	if err == nil && kindOf(status.Mode) == typeDirectory {
		// It became a directory meanwhile, which goes back to where it was.
		_ = unix.Renameat2(made.directory, made.name, directory, name, unix.RENAME_EXCHANGE)
		return unix.EISDIR
	}
	return nil
}

// replacement refuses a directory's place before any content is read.
func (r *receive) replacement(directory int, name string) (*draft, error) {
	status, err := statFile(directory, name)
	if err == nil && kindOf(status.Mode) == typeDirectory {
		return nil, unix.EISDIR
	}
	if err := r.enterStage(); err != nil {
		return nil, err
	}
	return r.tree.stage.newFile(r.stage)
}

// fill gives the file everything it is described with.
func (r *receive) fill(descriptor int, described *record, isPrivate bool) error {
	attributes := described.attributes
	if err := r.content(descriptor, described.size); err != nil {
		return err
	}
	if err := r.owner.giveFile(descriptor); err != nil {
		return err
	}
	// A change of owner takes the special bits away, and the mask may have taken others.
	if isPrivate || described.mode&(specialBits|r.umask) != 0 {
		if err := unix.Fchmod(descriptor, described.mode); err != nil {
			return err
		}
	}
	setAttributes(descriptor, attributes)
	return setTime(descriptor, described.modifiedNs)
}

// setAttributes leaves out what the file system has no place for.
func setAttributes(descriptor int, attributes []attribute) {
	for _, one := range attributes {
		_ = unix.Fsetxattr(descriptor, one.name, one.value, 0)
	}
}

// setTime sets the times of content and of access.
func setTime(descriptor int, ns int64) error {
	times := [2]unix.Timespec{timespec(ns), timespec(ns)}
	return futimens(descriptor, &times)
}

// content writes what the stream has of the file, and holds it against the size it promised.
func (r *receive) content(descriptor int, size int64) error {
	writer := contentWriter{input: r.input, descriptor: descriptor}
	for {
		next, err := r.takeContent()
		if err != nil {
			return err
		}
		if next.kind == contentEnd {
			break
		}
		if next.length > size-writer.offset {
			return malformed("content of more than the %d bytes promised", size)
		}
		if next.kind == contentHole {
			writer.offset += next.length
			continue
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := writer.data(next.length); err != nil {
			return err
		}
	}
	if writer.offset != size {
		return malformed("content of %d bytes, not of the %d promised", writer.offset, size)
	}
	r.bytes += size
	if writer.written == size {
		return nil
	}
	return unix.Ftruncate(descriptor, size)
}

// contentWriter writes straight from the stream's buffer.
type contentWriter struct {
	*input
	descriptor int
	// offset in the file; written is where its content ends so far.
	offset, written int64
}

func (w *contentWriter) data(length int64) error {
	for length > 0 {
		piece, err := w.take(int(min(length, writeBytes)))
		if err != nil {
			return err
		}
		length -= int64(len(piece))
		for len(piece) > 0 {
			n, err := unix.Pwrite(w.descriptor, piece, w.offset)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return err
			}
			if n == 0 {
				return protocol.Fail(protocol.CodeNoSpace, "the disk is full")
			}
			w.offset += int64(n)
			piece = piece[n:]
		}
		w.written = w.offset
	}
	return nil
}

// umask is what the kernel takes from the mode of new entries. Reading it the
// old way would change it for everybody meanwhile.
var umask = sync.OnceValue(func() uint32 {
	text, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if value, isIt := strings.CutPrefix(line, "Umask:"); isIt {
				if mask, err := strconv.ParseUint(strings.TrimSpace(value), 8, 32); err == nil {
					return uint32(mask)
				}
			}
		}
	}
	return permissionBits
})
