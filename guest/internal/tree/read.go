package tree

import (
	"context"
	"io"
	"strconv"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// File is one file that is open for reading.
type File struct {
	Size int64
	Mode uint32

	descriptor int
}

// Open opens a regular file. Links are followed as long as they stay in the tree.
func (t *Tree) Open(path []byte) (*File, error) {
	// Opened only once it is known to be a file: opening some devices does things.
	resolve := uint64(inside)
	if t.isRoot {
		resolve = asRoot
	}
	handle, err := openBelow(t.root, string(path), unix.O_PATH, resolve)
	if err != nil {
		return nil, explain(path, err)
	}
	defer unix.Close(handle)
	var status unix.Stat_t
	if err := unix.Fstat(handle, &status); err != nil {
		return nil, explain(path, err)
	}
	if kindOf(status.Mode) != typeFile {
		return nil, protocol.Fail(protocol.CodeConflict, "%s is no regular file", quote(path))
	}
	descriptor, err := unix.Open("/proc/self/fd/"+strconv.Itoa(handle), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, explain(path, err)
	}
	return &File{Size: status.Size, Mode: status.Mode & modeMax, descriptor: descriptor}, nil
}

// Close lets the file go.
func (f *File) Close() { _ = unix.Close(f.descriptor) }

// Send writes at most limit bytes from the offset on.
func (f *File) Send(ctx context.Context, offset, limit int64, to io.Writer) error {
	buffer := make([]byte, min(limit, outputBytes))
	for limit > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unix.Pread(f.descriptor, buffer[:min(limit, int64(len(buffer)))], offset)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return err
		}
		offset, limit = offset+int64(n), limit-int64(n)
	}
	return nil
}
