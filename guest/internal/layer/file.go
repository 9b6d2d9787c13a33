package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	holeBytes = 4096
	// sparseFrom is the size below which looking for holes is not worth it.
	sparseFrom = 16 * holeBytes
)

var hole [holeBytes]byte

func (u *unpacker) makeFile(p place) error {
	if err := u.countSize(p.header); err != nil {
		return err
	}
	descriptor := -1
	err := u.make(p, func() (err error) {
		flags := unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
		descriptor, err = unix.Openat(p.descriptor, p.name.base, flags, p.mode())
		return err
	})
	if err != nil {
		return p.explain(err)
	}
	defer unix.Close(descriptor)
	if err := u.fill(descriptor, p.header.Size); err != nil {
		var read readFailure
		if errors.As(err, &read) {
			return err
		}
		return p.explain(err)
	}
	if err := p.setOwnerAndMode(descriptor, false); err != nil {
		return err
	}
	return p.explainAny(setTimes(descriptor, fileTimes(p.header)))
}

// sparseBytesMax bounds files whose holes the archive only mentions: a few bytes
// of layer would otherwise cost minutes. Images hold none in practice.
var sparseBytesMax int64 = 1 << 30

func (u *unpacker) countSize(header *tar.Header) error {
	u.unpackedBytes += header.Size
	if header.Size < 0 || u.unpackedBytes > layerBytesMax {
		return protocol.Fail(protocol.CodeLimitExceeded, "the layer unpacks to more than %d bytes at entry %s", int64(layerBytesMax), quote(header.Name))
	}
	if !isSparse(header) {
		return nil
	}
	u.sparseBytes += header.Size
	if u.sparseBytes > sparseBytesMax {
		return protocol.Fail(protocol.CodeLimitExceeded, "the layer has sparse files of more than %d bytes at entry %s", sparseBytesMax, quote(header.Name))
	}
	return nil
}

func isSparse(header *tar.Header) bool {
	if header.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// fill writes the entry's content, leaving out the blocks of zeros of a large one.
func (u *unpacker) fill(descriptor int, size int64) error {
	var offset int64
	endsInHole := false
	for offset < size {
		chunk := u.buffer[:min(size-offset, int64(len(u.buffer)))]
		if _, err := io.ReadFull(u.content, chunk); err != nil {
			return readFailure{unexpected(err)}
		}
		var err error
		if size < sparseFrom {
			err = writeAt(descriptor, chunk, offset)
		} else {
			endsInHole, err = writeSparse(descriptor, chunk, offset)
		}
		if err != nil {
			return err
		}
		offset += int64(len(chunk))
	}
	if endsInHole {
		return unix.Ftruncate(descriptor, size)
	}
	return nil
}

// writeSparse writes the runs between holes; offset is a multiple of a hole's size.
func writeSparse(descriptor int, chunk []byte, offset int64) (endsInHole bool, err error) {
	for start := 0; start < len(chunk); {
		end := start
		for end < len(chunk) && !isHole(chunk, end) {
			end = min(end+holeBytes, len(chunk))
		}
		if end > start {
			if err := writeAt(descriptor, chunk[start:end], offset+int64(start)); err != nil {
				return false, err
			}
		}
		endsInHole = end < len(chunk)
		start = end + holeBytes
	}
	return endsInHole, nil
}

func isHole(chunk []byte, at int) bool {
	block := chunk[at:min(at+holeBytes, len(chunk))]
	return bytes.Equal(block, hole[:len(block)])
}

func writeAt(descriptor int, chunk []byte, offset int64) error {
	for len(chunk) > 0 {
		n, err := unix.Pwrite(descriptor, chunk, offset)
		if err != nil {
			return err
		}
		chunk, offset = chunk[n:], offset+int64(n)
	}
	return nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// setTimes is utimensat on a descriptor, which the library has no name for.
func setTimes(descriptor int, times []unix.Timespec) error {
	_, _, failed := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(descriptor), 0, uintptr(unsafe.Pointer(&times[0])), 0, 0, 0)
	if failed != 0 {
		return failed
	}
	return nil
}
