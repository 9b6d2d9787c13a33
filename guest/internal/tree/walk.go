package tree

import (
	"bytes"
	"context"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// listingBytes of a directory are read at once.
const listingBytes = 32 << 10

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
}

// level is an open directory and what was read of its listing.
type level struct {
	descriptor int
	// pathBytes of the walk's path lead to the directory's entries.
	pathBytes int
	listing   []byte
	read      int
	next      int
}

// run takes over the directory's descriptor.
func (w *walk) run(ctx context.Context, directory int) error {
	defer w.close()
	w.descend(directory)
	for w.depth > 0 {
		current := w.levels[w.depth-1]
		if current.next == current.read {
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
	n, err := unix.Getdents(of.descriptor, of.listing)
	if err != nil {
		// A directory that was removed has no entries any more.
		if hasVanished(err) {
			return true, nil
		}
		return false, explain(w.path[:of.pathBytes], err)
	}
	of.read, of.next = n, 0
	return n == 0, nil
}

// step visits the next entry of a level.
func (w *walk) step(ctx context.Context, current *level) error {
	const lengthAt, kindAt, nameAt = 16, 18, 19
	raw := current.listing[current.next:current.read]
	raw = raw[:binary.NativeEndian.Uint16(raw[lengthAt:])]
	current.next += len(raw)
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
	entered.descriptor, entered.pathBytes, entered.read, entered.next = directory, len(w.path), 0, 0
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
