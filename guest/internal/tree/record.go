// Package tree carries the workspace's files between host and machine. Whatever
// it touches is hostile: commands may turn any name into anything at any moment,
// so nothing is resolved but by the kernel, below a directory that is held open.
package tree

import (
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"
)

// The types of entries.
const (
	typeFile            = 'f'
	typeDirectory       = 'd'
	typeLink            = 'l'
	typeFurtherName     = 'h'
	typeFifo            = 'p'
	typeSocket          = 's'
	typeCharacterDevice = 'c'
	typeBlockDevice     = 'b'
	typeEnd             = '.'
)

// The kinds of content.
const (
	contentData = 'D'
	contentHole = 'H'
	contentEnd  = 'E'

	dataHeaderBytes = 5
	holeHeaderBytes = 9
	contentEndBytes = 2
	chunkBytesMax   = 1 << 20
)

// The values of a digest that is none.
const (
	digestNone      = "-"
	digestUnchanged = "="
	digestDigits    = 64
)

// Limits of records.
const (
	recordsMax        = 2_000_000
	attributesMax     = 64
	attributeBytesMax = 64 << 10
	attributeNameMax  = 255
	attributePrefix   = "user."
	modeMax           = 0o7777
	// sizeMax is the largest whole number the host can count with.
	sizeMax = 1<<53 - 1
	// fieldsBytesMax is the longest that everything before the path can be.
	fieldsBytesMax = 256
)

// record is one entry of a tree, as docs/protocol.md describes it. The texts of
// one that was read are valid until the next read.
type record struct {
	kind       byte
	mode       uint32
	size       int64
	modifiedNs int64
	uid, gid   uint32
	inode      uint64
	digest     string
	path       []byte
	target     []byte
	attributes []attribute
}

// attribute is an extended attribute of the user's own.
type attribute struct {
	name  string
	value []byte
}

// append writes the record.
func (r *record) append(to []byte) []byte {
	to = append(to, r.kind, ' ')
	to = strconv.AppendUint(to, uint64(r.mode), 8)
	to = append(to, ' ')
	to = strconv.AppendInt(to, r.size, 10)
	to = append(to, ' ')
	to = strconv.AppendInt(to, r.modifiedNs, 10)
	to = append(to, ' ')
	to = strconv.AppendUint(to, uint64(r.uid), 10)
	to = append(to, ' ')
	to = strconv.AppendUint(to, uint64(r.gid), 10)
	to = append(to, ' ')
	to = strconv.AppendUint(to, r.inode, 10)
	to = append(to, ' ')
	to = append(to, r.digest...)
	to = append(to, ' ')
	to = strconv.AppendInt(to, int64(len(r.attributes)), 10)
	to = append(to, ' ')
	to = append(to, r.path...)
	to = append(to, 0)
	to = append(to, r.target...)
	to = append(to, 0)
	for _, one := range r.attributes {
		to = append(to, one.name...)
		to = append(to, 0)
		to = strconv.AppendInt(to, int64(len(one.value)), 10)
		to = append(to, 0)
		to = append(to, one.value...)
	}
	return to
}

func appendDataHeader(to []byte, length int) []byte {
	return binary.BigEndian.AppendUint32(append(to, contentData), uint32(length))
}

func appendHole(to []byte, length int64) []byte {
	return binary.BigEndian.AppendUint64(append(to, contentHole), uint64(length))
}

func appendContentEnd(to []byte, hasChanged bool) []byte {
	flag := byte(0)
	if hasChanged {
		flag = 1
	}
	return append(to, contentEnd, flag)
}

// describe fills in what the kernel says of an entry; texts, digest and attributes are the caller's.
func (r *record) describe(status *unix.Stat_t) {
	*r = record{
		kind:       kindOf(status.Mode),
		mode:       status.Mode & modeMax,
		modifiedNs: nanoseconds(status.Mtim),
		uid:        status.Uid,
		gid:        status.Gid,
		digest:     digestNone,
		path:       r.path,
		attributes: r.attributes[:0],
	}
	if r.kind == typeFile {
		r.size = status.Size
	}
	if r.kind != typeDirectory && status.Nlink > 1 {
		r.inode = status.Ino
	}
}

func kindOf(mode uint32) byte {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return typeDirectory
	case unix.S_IFLNK:
		return typeLink
	case unix.S_IFIFO:
		return typeFifo
	case unix.S_IFSOCK:
		return typeSocket
	case unix.S_IFCHR:
		return typeCharacterDevice
	case unix.S_IFBLK:
		return typeBlockDevice
	default:
		return typeFile
	}
}

const (
	nanosecondsASecond = 1_000_000_000
	secondsMax         = (1<<63 - 1) / nanosecondsASecond
)

// nanoseconds since 1970; a time centuries from now, which files can be given, becomes the furthest that fits.
func nanoseconds(time unix.Timespec) int64 {
	seconds := min(max(int64(time.Sec), -secondsMax), secondsMax-1)
	return seconds*nanosecondsASecond + int64(time.Nsec)
}

// timespec also takes times before 1970, whose nanoseconds count forward all the same.
func timespec(ns int64) unix.Timespec {
	seconds, rest := ns/nanosecondsASecond, ns%nanosecondsASecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+nanosecondsASecond
	}
	return unix.Timespec{Sec: seconds, Nsec: rest}
}
