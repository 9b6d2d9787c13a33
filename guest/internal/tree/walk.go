package tree

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	// listingBytes of a directory are read at once.
	listingBytes = 32 << 10
	// listingsGrowthMax is what listings of large directories may have beyond that, all together.
	listingsGrowthMax = 1 << 20
)

// found is an entry a walk came to.
type found struct {
	directory int
	name      string
	// path from where the walk began; valid until the next entry.
	path []byte
	// hint is what the listing says it is; it may be wrong or unknown.
	hint byte
}

// visitor is shown every entry; for a directory to go into it answers its open
// descriptor, which becomes the walk's, and -1 otherwise.
type visitor interface {
	visit(ctx context.Context, entry found) (directory int, err error)
}

// walk goes through a directory and everything below it, parents before children.
type walk struct {
	visitor visitor
	// depthMax is 1 for the directory's own entries.
	depthMax int
	// hidden is a name in the first directory that is left out.
	hidden string
	path   []byte
	levels []*level
	// depth counts the levels in use.
	depth int
	// growth is what listings have beyond their usual size.
	growth int
}

// level is an open directory and what was read of its listing.
type level struct {
	descriptor int
	// pathBytes of the walk's path lead to the directory's entries.
	pathBytes int
	listing   []byte
	// entries are those of the listing in the order in which they are visited.
	entries []listed
	next    int
}

// listed is an entry of a listing.
type listed struct {
	inode uint64
	// at is where its record begins.
	at int
}

// run takes over the directory's descriptor.
func (w *walk) run(ctx context.Context, directory int) error {
	defer w.close()
	w.descend(directory)
	for w.depth > 0 {
		current := w.levels[w.depth-1]
		if current.next == len(current.entries) {
			isAtEnd, err := w.list(ctx, current)
			if err != nil {
				return err
			}
			if isAtEnd {
				w.ascend()
				continue
			}
		}
		if err := w.step(ctx, current); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) list(ctx context.Context, of *level) (isAtEnd bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	read := 0
	for {
		n, err := unix.Getdents(of.descriptor, of.listing[read:])
		// A directory that was removed has no entries any more.
		if err != nil && !hasVanished(err) {
			return false, explain(w.path[:of.pathBytes], err)
		}
		if n <= 0 {
			break
		}
		if read += n; !w.grow(of, read) {
			break
		}
	}
	of.order(read)
	return read == 0, nil
}

// grow makes room for more of a large directory, as long as there is some.
func (w *walk) grow(of *level, read int) bool {
	const recordBytesMax = nameAt + componentBytesMax + 8
	size := len(of.listing)
	if size-read >= recordBytesMax || w.growth+size > listingsGrowthMax {
		return false
	}
	w.growth += size
	of.listing = append(of.listing, make([]byte, size)...)
	return true
}

// The places of a listing's fields.
const inodeAt, lengthAt, kindAt, nameAt = 0, 16, 18, 19

// order is that of inodes, in which files and what describes them nearly always lie on the disk.
func (l *level) order(bytes int) {
	l.entries, l.next = l.entries[:0], 0
	for at := 0; at < bytes; at += int(binary.NativeEndian.Uint16(l.listing[at+lengthAt:])) {
		l.entries = append(l.entries, listed{binary.NativeEndian.Uint64(l.listing[at+inodeAt:]), at})
	}
	slices.SortFunc(l.entries, func(a, b listed) int { return cmp.Compare(a.inode, b.inode) })
}

// step visits the next entry of a level.
func (w *walk) step(ctx context.Context, current *level) error {
	raw := current.listing[current.entries[current.next].at:]
	raw = raw[:binary.NativeEndian.Uint16(raw[lengthAt:])]
	current.next++
	name := raw[nameAt:]
	name = name[:bytes.IndexByte(name, 0)]
	if componentFault(name) != "" || w.depth == 1 && string(name) == w.hidden {
		return nil
	}
	w.path = append(w.path[:current.pathBytes], name...)
	if len(w.path) > pathBytesMax || w.depth > componentsMax {
		return protocol.Fail(protocol.CodeLimitExceeded, "the tree is deeper than %d directories or %d bytes at %s",
			componentsMax, pathBytesMax, quote(w.path))
	}
	directory, err := w.visitor.visit(ctx, found{current.descriptor, string(name), w.path, raw[kindAt]})
	if err != nil || directory < 0 {
		return err
	}
	if w.depth == w.depthMax {
		return unix.Close(directory)
	}
	w.path = append(w.path, '/')
	w.descend(directory)
	return nil
}

func (w *walk) descend(directory int) {
	if w.depth == len(w.levels) {
		w.levels = append(w.levels, &level{listing: make([]byte, listingBytes)})
	}
	entered := w.levels[w.depth]
	entered.descriptor, entered.pathBytes, entered.entries, entered.next = directory, len(w.path), entered.entries[:0], 0
	w.depth++
}

func (w *walk) ascend() {
	w.depth--
	_ = unix.Close(w.levels[w.depth].descriptor)
}

func (w *walk) close() {
	for w.depth > 0 {
		w.ascend()
	}
}
