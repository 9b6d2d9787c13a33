package tree

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// openEntry is how files are opened for reading: whatever the name has become, no
// link is followed, nothing is waited for and no terminal taken.
const openEntry = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

const (
	namesListedUsually = 256
	namesListedMax     = 64 << 10
)

// looker describes entries; it keeps its buffers from one to the next.
type looker struct {
	record record
	link   [pathBytesMax + 1]byte
	names  [namesListedMax]byte
	value  [attributeBytesMax]byte
}

// status describes an entry without opening it.
func (l *looker) status(directory int, name string) (unix.Stat_t, error) {
	var status unix.Stat_t
	err := unix.Fstatat(directory, name, &status, unix.AT_SYMLINK_NOFOLLOW)
	return status, err
}

// readLink fills in the text of a symbolic link.
func (l *looker) readLink(directory int, name string) error {
	length, err := unix.Readlinkat(directory, name, l.link[:])
	if err == unix.EINVAL {
		return unix.ENOENT
	}
	if err != nil {
		return err
	}
	l.record.target = l.link[:length]
	return nil
}

// attributeCalls are the two of the system, for whatever they are about.
type attributeCalls struct {
	list func(names []byte) (int, error)
	get  func(name string, value []byte) (int, error)
}

// readAttributes fills in the user's own attributes of an open file or directory.
func (l *looker) readAttributes(descriptor int) {
	l.readAttributesBy(attributeCalls{
		func(names []byte) (int, error) { return unix.Flistxattr(descriptor, names) },
		func(name string, value []byte) (int, error) { return unix.Fgetxattr(descriptor, name, value) },
	})
}

// readNamedAttributes fills in those of a name in the thread's working directory.
func (l *looker) readNamedAttributes(name string) {
	l.readAttributesBy(attributeCalls{
		func(names []byte) (int, error) { return unix.Llistxattr(name, names) },
		func(attribute string, value []byte) (int, error) { return unix.Lgetxattr(name, attribute, value) },
	})
}

// readAttributesBy leaves out an attribute that goes or grows meanwhile, as well as those beyond the limit.
func (l *looker) readAttributesBy(calls attributeCalls) {
	l.record.attributes = l.record.attributes[:0]
	// The kernel clears as many bytes as it is offered, and nearly always has none to tell.
	length, err := calls.list(l.names[:namesListedUsually])
	if err == unix.ERANGE {
		length, err = calls.list(l.names[:])
	}
	if err != nil {
		return
	}
	names := l.names[:length]
	for len(names) > 0 && len(l.record.attributes) < attributesMax {
		end := bytes.IndexByte(names, 0)
		if end < 0 {
			return
		}
		name := names[:end]
		names = names[end+1:]
		if len(name) <= len(attributePrefix) || !bytes.HasPrefix(name, []byte(attributePrefix)) {
			continue
		}
		text := string(name)
		length, err := calls.get(text, l.value[:])
		if err == nil {
			l.record.attributes = append(l.record.attributes, attribute{text, bytes.Clone(l.value[:length])})
		}
	}
}
