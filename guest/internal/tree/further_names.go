package tree

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// namesBytesMax bounds what is remembered of files with several names. A tree
// with more of them still comes whole, with the rest as files of their own.
const namesBytesMax = 8 << 20

// furtherNames finds the names of one file.
type furtherNames struct {
	first map[fileIdentity][]byte
	bytes int
}

type fileIdentity struct{ device, inode uint64 }

// mark turns the record of a file whose earlier name is known into that of a further name.
func (f *furtherNames) mark(one *record, status *unix.Stat_t) {
	if status.Nlink < 2 || len(one.path) == 0 {
		return
	}
	identity := fileIdentity{status.Dev, status.Ino}
	if earlier, isKnown := f.first[identity]; isKnown {
		one.kind, one.size, one.target = typeFurtherName, 0, earlier
		one.attributes = one.attributes[:0]
		return
	}
	const overhead = 96
	if f.bytes += len(one.path) + overhead; f.bytes > namesBytesMax {
		return
	}
	if f.first == nil {
		f.first = map[fileIdentity][]byte{}
	}
	f.first[identity] = bytes.Clone(one.path)
}
