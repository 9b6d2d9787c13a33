package replica

import (
	"golang.org/x/sys/unix"
)

const statusBlockBytes = 512

// file copies a regular file, holes as holes.
func (c *Copy) file(at place, status *unix.Stat_t) error {
	source, err := unix.Openat(at.source, at.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(source)
	target, err := unix.Openat(at.target, at.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, status.Mode&0o7777)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	// Looking for holes costs more than the content of most files.
	if status.Blocks*statusBlockBytes >= status.Size {
		err = c.fillData(source, target, 0, status.Size)
	} else {
		err = c.fill(source, target, status.Size)
	}
	if err != nil {
		return err
	}
	return c.describe(openPlace(source, target), status)
}

func (c *Copy) fill(source, target int, size int64) error {
	for offset := int64(0); offset < size; {
		begin, end := nextData(source, offset, size)
		if err := c.fillData(source, target, begin, end); err != nil {
			return err
		}
		offset = end
		if begin == size {
			return unix.Ftruncate(target, size)
		}
	}
	return nil
}

// nextData answers where the next data begins and ends; both are the size where none comes.
func nextData(source int, offset, size int64) (begin, end int64) {
	begin, err := unix.Seek(source, offset, unix.SEEK_DATA)
	if err == unix.ENXIO {
		return size, size
	}
	if err != nil {
		// A file system that does not tell holes from data.
		return offset, size
	}
	end, err = unix.Seek(source, begin, unix.SEEK_HOLE)
	if err != nil {
		end = size
	}
	return min(begin, size), min(end, size)
}

func (c *Copy) fillData(source, target int, offset, end int64) error {
	for offset < end {
		if err := c.context.Err(); err != nil {
			return err
		}
		n, err := unix.Pread(source, c.content[:min(end-offset, contentBytes)], offset)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			// Nobody writes to the source: its file system does not hold what it says.
			return unix.EUCLEAN
		}
		for piece := c.content[:n]; len(piece) > 0; {
			written, err := unix.Pwrite(target, piece, offset)
			if err != nil && err != unix.EINTR {
				return err
			}
			written = max(written, 0)
			piece, offset = piece[written:], offset+int64(written)
			c.bytes.Add(int64(written))
		}
	}
	return nil
}
