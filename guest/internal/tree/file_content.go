package tree

import (
	"context"

	"golang.org/x/sys/unix"
)

// fileContent is the content of one open file on its way out.
type fileContent struct {
	*output
	descriptor int
	// status is what was said of the file in its record.
	status *unix.Stat_t
	offset int64
}

const statusBlockBytes = 512

// send writes exactly as many bytes as the record promised.
func (f *fileContent) send(ctx context.Context) error {
	size := f.status.Size
	isSparse := isSparse(f.status)
	for f.offset < size {
		end := size
		if isSparse {
			var err error
			if end, err = f.skipHole(); err != nil {
				return err
			}
		}
		isShort, err := f.sendData(ctx, end)
		if err != nil {
			return err
		}
		if isShort {
			break
		}
	}
	if f.offset < size {
		if err := f.hole(size - f.offset); err != nil {
			return err
		}
	}
	return f.contentEnd(f.hasChanged())
}

func isSparse(status *unix.Stat_t) bool { return status.Blocks*statusBlockBytes < status.Size }

// skipHole sends the hole at the offset, if there is one, and answers where the data after it ends.
func (f *fileContent) skipHole() (dataEnd int64, err error) {
	size := f.status.Size
	data, err := unix.Seek(f.descriptor, f.offset, unix.SEEK_DATA)
	if err == unix.ENXIO {
		data, err = size, nil
	}
	if err != nil {
		// A file system that does not tell holes from data.
		return size, nil
	}
	data = min(data, size)
	if data > f.offset {
		if err := f.hole(data - f.offset); err != nil {
			return 0, err
		}
		f.offset = data
	}
	end, err := unix.Seek(f.descriptor, data, unix.SEEK_HOLE)
	if err != nil {
		return size, nil
	}
	return min(end, size), nil
}

// sendData tells whether the file turned out shorter.
func (f *fileContent) sendData(ctx context.Context, end int64) (isShort bool, err error) {
	for f.offset < end {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := f.data(end-f.offset, f.read)
		if err != nil {
			return false, err
		}
		if n == 0 {
			return true, nil
		}
		f.offset += int64(n)
	}
	return false, nil
}

func (f *fileContent) read(into []byte) (int, error) {
	for {
		n, err := unix.Pread(f.descriptor, into, f.offset)
		if err != unix.EINTR {
			return n, err
		}
	}
}

func (f *fileContent) hasChanged() bool { return hasChanged(f.descriptor, f.status) }

func hasChanged(descriptor int, since *unix.Stat_t) bool {
	var now unix.Stat_t
	if err := unix.Fstat(descriptor, &now); err != nil {
		return true
	}
	return now.Size != since.Size || now.Mtim != since.Mtim || now.Ctim != since.Ctim
}
