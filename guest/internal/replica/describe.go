package replica

import (
	"bytes"
	"errors"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	namesBytesMax = 64 << 10
	valueBytesMax = 64 << 10
	// keptFlags are synchronous, immutable, append-only, not to be dumped, without access times; the others are the file
	// system's own business.
	keptFlags = 0x08 | 0x10 | 0x20 | 0x40 | 0x80
)

// attributeBuffers are kept from one entry to the next.
type attributeBuffers struct {
	names [namesBytesMax]byte
	value [valueBytesMax]byte
}

// describe makes an entry's copy what the original is, in the order in which nothing undoes what was done before: an owner
// takes the special bits and the capabilities away, a mode changes the access list, and what is immutable changes no more.
func (c *Copy) describe(at place, status *unix.Stat_t) error {
	if err := at.setOwnerAndMode(status); err != nil {
		return err
	}
	if err := c.setAttributes(at); err != nil {
		return err
	}
	if err := at.setTimes(status); err != nil {
		return err
	}
	return c.setFlags(at, status)
}

func (p place) isOpen() bool { return p.name == "" }

// setOwnerAndMode sets what the copy was not made with: most belongs to root, and has no special bits, which writing or
// the directory above may have changed.
func (p place) setOwnerAndMode(status *unix.Stat_t) error {
	const specialBits = unix.S_ISUID | unix.S_ISGID | unix.S_ISVTX
	kind := status.Mode & unix.S_IFMT
	isPlain := status.Uid == 0 && status.Gid == 0 && status.Mode&specialBits == 0
	if isPlain && kind != unix.S_IFDIR {
		return nil
	}
	flags := unix.AT_SYMLINK_NOFOLLOW
	if p.isOpen() {
		flags = unix.AT_EMPTY_PATH
	}
	err := unix.Fchownat(p.target, p.name, int(status.Uid), int(status.Gid), flags)
	switch {
	case err != nil || kind == unix.S_IFLNK:
		return err
	case p.isOpen():
		return unix.Fchmod(p.target, status.Mode&0o7777)
	default:
		return unix.Fchmodat(p.target, p.name, status.Mode&0o7777, 0)
	}
}

func (p place) setTimes(status *unix.Stat_t) error {
	times := [2]unix.Timespec{status.Atim, status.Mtim}
	if !p.isOpen() {
		return unix.UtimesNanoAt(p.target, p.name, times[:], unix.AT_SYMLINK_NOFOLLOW)
	}
	// Of a descriptor, which the library has no name for.
	_, _, failed := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(p.target), 0, uintptr(unsafe.Pointer(&times[0])), 0, 0, 0)
	if failed != 0 {
		return failed
	}
	return nil
}

// setFlags is about files and directories alone; nothing else has any.
func (c *Copy) setFlags(at place, status *unix.Stat_t) error {
	if !at.isOpen() {
		return nil
	}
	flags, err := unix.IoctlGetInt(at.source, unix.FS_IOC_GETFLAGS)
	if err != nil || flags&keptFlags == 0 {
		return nil
	}
	// What cannot be changed cannot get further names either.
	if status.Mode&unix.S_IFMT == unix.S_IFREG && status.Nlink > 1 {
		c.flagged = append(c.flagged, flaggedFile{string(c.path[1:]), flags & keptFlags})
		return nil
	}
	return addFlags(at.target, flags&keptFlags)
}

// flaggedFile gets its flags once all is there.
type flaggedFile struct {
	path  string
	flags int
}

func (c *Copy) flagFiles() error {
	for _, file := range c.flagged {
		c.path = append(c.path[:0], '/')
		c.path = append(c.path, file.path...)
		descriptor, err := unix.Openat(c.target, file.path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		err = addFlags(descriptor, file.flags)
		_ = unix.Close(descriptor)
		if err != nil {
			return err
		}
	}
	return nil
}

func addFlags(descriptor, flags int) error {
	own, err := unix.IoctlGetInt(descriptor, unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	return unix.IoctlSetPointerInt(descriptor, unix.FS_IOC_SETFLAGS, own|flags)
}

func (c *Copy) setAttributes(at place) error {
	source, target := at.attributePath(at.source), at.attributePath(at.target)
	length, err := at.list(source, c.values.names[:])
	if errors.Is(err, unix.ENOTSUP) || length == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	for names := c.values.names[:length]; len(names) > 0; {
		end := bytes.IndexByte(names, 0)
		if end < 0 {
			return unix.EUCLEAN
		}
		name := string(names[:end])
		names = names[end+1:]
		length, err := at.get(source, name, c.values.value[:])
		if err == nil {
			err = at.set(target, name, c.values.value[:length])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// attributePath is how an entry that is not open is reached: the calls about attributes take no descriptor of a directory.
func (p place) attributePath(directory int) string {
	if p.isOpen() {
		return ""
	}
	return "/proc/self/fd/" + strconv.Itoa(directory) + "/" + p.name
}

func (p place) list(path string, names []byte) (int, error) {
	if p.isOpen() {
		return unix.Flistxattr(p.source, names)
	}
	return unix.Llistxattr(path, names)
}

func (p place) get(path, name string, value []byte) (int, error) {
	if p.isOpen() {
		return unix.Fgetxattr(p.source, name, value)
	}
	return unix.Lgetxattr(path, name, value)
}

func (p place) set(path, name string, value []byte) error {
	if p.isOpen() {
		return unix.Fsetxattr(p.target, name, value, 0)
	}
	return unix.Lsetxattr(path, name, value, 0)
}
