package layer

import (
	"archive/tar"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const entriesMax = 2_000_000

// unpack applies every entry, then the directories' times.
func unpack(source *stream, onto *target) (entryCount int64, err error) {
	// Modes are the archive's, unmasked.
	before := unix.Umask(0)
	defer unix.Umask(before)
	archive := tar.NewReader(source)
	unpacker := &unpacker{target: onto, content: archive, buffer: make([]byte, bufferBytes)}
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, source.explain(err)
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		entryCount++
		if entryCount > entriesMax {
			return 0, protocol.Fail(protocol.CodeLimitExceeded, "the layer has more than %d entries", entriesMax)
		}
		if err := unpacker.apply(header); err != nil {
			return 0, sourceFailure(source, err)
		}
	}
	if err := source.drain(); err != nil {
		return 0, err
	}
	return entryCount, onto.applyTimes()
}

// readFailure marks an error as the archive's, not the disk's.
type readFailure struct{ error }

func sourceFailure(source *stream, err error) error {
	var read readFailure
	if errors.As(err, &read) {
		return source.explain(read.error)
	}
	return err
}

// unpacker applies one entry after the other.
type unpacker struct {
	*target
	content io.Reader
	buffer  []byte
	// unpackedBytes counts what files say their size is, which a sparse one need not bring along.
	unpackedBytes int64
	sparseBytes   int64
}

func (u *unpacker) apply(header *tar.Header) error {
	name, err := parseName(header.Name)
	if err != nil {
		return err
	}
	hidden, isWhiteout, err := parseWhiteout(name, header.Name)
	if err != nil {
		return err
	}
	if isWhiteout {
		return u.hide(name.parent, hidden, header.Name)
	}
	if !isOwner(header.Uid) || !isOwner(header.Gid) {
		return refuse(header.Name, "belongs to %d:%d, which cannot be", header.Uid, header.Gid)
	}
	if name.base == "" {
		return u.applyRoot(header)
	}
	parent, err := u.parentOf(name.parent, header.Name)
	if err != nil {
		return err
	}
	if err := u.makeEntry(place{parent, name, header}); err != nil {
		return err
	}
	u.own.add(parent.inode, name.base)
	return nil
}

func (u *unpacker) makeEntry(place place) error {
	switch header := place.header; header.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return u.makeFile(place)
	case tar.TypeDir:
		return u.makeDirectory(place)
	case tar.TypeSymlink:
		return u.makeSymlink(place)
	case tar.TypeLink:
		return u.makeHardLink(place)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return u.makeNode(place)
	default:
		return refuse(header.Name, "has the unknown type %q", header.Typeflag)
	}
}

// isOwner leaves out the number that means "no change" to the system.
func isOwner(id int) bool { return id >= 0 && id < 1<<32-1 }

// place is where an entry goes and what it is.
type place struct {
	*parent
	name   entryName
	header *tar.Header
}

func (p place) explain(err error) error { return explain(p.header.Name, err) }

// needsOwner spares the call where a new entry has the right owner already.
func (p place) needsOwner() bool {
	return p.header.Uid != 0 || p.header.Gid != 0 || p.givesGroup || effectiveUser != 0
}

var effectiveUser = unix.Geteuid()

// make makes an entry, in place of what may be there.
func (u *unpacker) make(p place, create func() error) error {
	err := create()
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := u.replace(p); err != nil {
		return err
	}
	return create()
}

func (u *unpacker) replace(p place) error {
	err := u.remove(p.descriptor, p.name.base, 0)
	// What went may have been on the way to a remembered directory.
	u.forgetParents(p.parent)
	return err
}
