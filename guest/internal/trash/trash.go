// Package trash removes what was thrown away, however deep and hostile it is.
package trash

import (
	"bytes"
	"context"
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	listingBytes = 32 << 10
	// heapPrefix starts the names of directories that were dug out.
	heapPrefix = ".dug-out-"

	// immutable and appendOnly are flags the library has no names for.
	immutable  = 0x10
	appendOnly = 0x20
)

// heap is a directory being emptied. Directories found deep inside are moved up
// into it instead of being walked into, so no depth costs memory or descriptors.
type heap struct {
	ctx        context.Context
	descriptor int
	moved      int
	removed    int
}

// Remove removes a directory of parent with everything in it. What cannot be removed stays.
func Remove(ctx context.Context, parent int, name string) error {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	descriptor, err := unix.Openat(parent, name, flags, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(descriptor)
	emptied := &heap{ctx: ctx, descriptor: descriptor}
	for {
		before := emptied.removed
		if err := emptied.pass(descriptor); err != nil {
			return err
		}
		if err := unix.Unlinkat(parent, name, unix.AT_REMOVEDIR); err != unix.ENOTEMPTY {
			return err
		}
		if emptied.removed == before {
			return unix.ENOTEMPTY
		}
	}
}

// pass removes what it can of one directory and moves its full directories up.
func (h *heap) pass(directory int) error {
	listing := make([]byte, listingBytes)
	if _, err := unix.Seek(directory, 0, unix.SEEK_SET); err != nil {
		return err
	}
	for {
		n, err := unix.Getdents(directory, listing)
		if err != nil || n == 0 {
			return err
		}
		for rest := listing[:n]; len(rest) > 0; {
			if err := h.ctx.Err(); err != nil {
				return err
			}
			const lengthAt, nameAt = 16, 19
			length := binary.NativeEndian.Uint16(rest[lengthAt:])
			name := rest[nameAt:length]
			name = name[:bytes.IndexByte(name, 0)]
			rest = rest[length:]
			if string(name) != "." && string(name) != ".." {
				h.remove(directory, string(name))
			}
		}
	}
}

func (h *heap) remove(directory int, name string) {
	err := unix.Unlinkat(directory, name, 0)
	if err == unix.EISDIR {
		err = h.removeDirectory(directory, name)
	}
	if err == unix.EPERM {
		// Made immutable, itself or its directory.
		allow(directory, ".")
		allow(directory, name)
		if err = unix.Unlinkat(directory, name, 0); err == unix.EISDIR {
			err = h.removeDirectory(directory, name)
		}
	}
	if err == nil {
		h.removed++
	}
}

func (h *heap) removeDirectory(directory int, name string) error {
	err := unix.Unlinkat(directory, name, unix.AT_REMOVEDIR)
	if err != unix.ENOTEMPTY {
		return err
	}
	if directory != h.descriptor {
		h.moved++
		return unix.Renameat2(directory, name, h.descriptor, heapPrefix+strconv.Itoa(h.moved), unix.RENAME_NOREPLACE)
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	inner, err := unix.Openat(directory, name, flags, 0)
	if err != nil {
		return err
	}
	defer unix.Close(inner)
	if err := h.pass(inner); err != nil {
		return err
	}
	return unix.Unlinkat(directory, name, unix.AT_REMOVEDIR)
}

// allow takes the flags from an entry that keep it from being changed.
func allow(directory int, name string) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	descriptor, err := unix.Openat(directory, name, flags, 0)
	if err != nil {
		return
	}
	defer unix.Close(descriptor)
	Allow(descriptor)
}

// Allow takes the flags from an open file or directory that keep it from being changed.
func Allow(descriptor int) {
	attributes, err := unix.IoctlGetUint32(descriptor, unix.FS_IOC_GETFLAGS)
	if err == nil {
		_ = unix.IoctlSetPointerInt(descriptor, unix.FS_IOC_SETFLAGS, int(attributes&^(immutable|appendOnly)))
	}
}
