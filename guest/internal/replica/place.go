package replica

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const openDirectory = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// place is an entry in both roots, by name in open directories, or, without a name, by the descriptors themselves.
type place struct {
	source, target int
	name           string
}

func openPlace(source, target int) place { return place{source, target, ""} }

// listing reads the names of an open directory.
type listing struct {
	directory int
	buffer    []byte
	rest      []byte
}

// next answers "" at the end.
func (l *listing) next() (string, error) {
	const lengthAt, nameAt = 16, 19
	for {
		if len(l.rest) == 0 {
			n, err := unix.Getdents(l.directory, l.buffer)
			if err != nil || n == 0 {
				return "", err
			}
			l.rest = l.buffer[:n]
		}
		raw := l.rest[:binary.NativeEndian.Uint16(l.rest[lengthAt:])]
		l.rest = l.rest[len(raw):]
		name := raw[nameAt:]
		name = name[:bytes.IndexByte(name, 0)]
		if text := string(name); text != "." && text != ".." {
			return text, nil
		}
	}
}

type fileIdentity struct{ device, inode uint64 }

// furtherNames finds the names of one file. What has none left to come is forgotten.
type furtherNames map[fileIdentity]*namedFile

type namedFile struct {
	path      string
	leftCount uint64
}

// earlier is the path, from the root, of a name that was copied; "" where there is none.
func (f furtherNames) earlier(status *unix.Stat_t) string {
	if status.Nlink < 2 {
		return ""
	}
	identity := fileIdentity{status.Dev, status.Ino}
	known := f[identity]
	if known == nil {
		return ""
	}
	if known.leftCount--; known.leftCount == 0 {
		delete(f, identity)
	}
	return known.path
}

func (f furtherNames) remember(status *unix.Stat_t, path []byte) {
	if status.Nlink > 1 {
		f[fileIdentity{status.Dev, status.Ino}] = &namedFile{string(path[1:]), uint64(status.Nlink) - 1}
	}
}
