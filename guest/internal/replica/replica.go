// Package replica copies a root with all that tells its files from others: owners,
// modes, times, attributes, flags, holes, devices, sockets and further names.
package replica

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	// depthMax bounds the directories that are open at the same time, two a level.
	depthMax = 1000
	// contentBytes of a file are in memory at a time.
	contentBytes = 1 << 20
	listingBytes = 32 << 10
)

// Copy is one copy on its way. How far it came may be asked at any time.
type Copy struct {
	context context.Context
	// target is the copy's own root.
	target  int
	content []byte
	names   furtherNames
	values  attributeBuffers
	flagged []flaggedFile
	// path is the entry's at work.
	path []byte

	entryCount atomic.Int64
	bytes      atomic.Int64
}

// New prepares a copy.
func New(ctx context.Context) *Copy {
	return &Copy{context: ctx, content: make([]byte, contentBytes), names: furtherNames{}}
}

// Copied tells how many entries and how many bytes of content are there.
func (c *Copy) Copied() (entryCount, bytes int64) {
	return c.entryCount.Load(), c.bytes.Load()
}

// Run makes everything in source anew in target, a directory without anything but
// what a new file system has. Both descriptors stay the caller's.
func (c *Copy) Run(source, target int) error {
	c.target = target
	var status unix.Stat_t
	if err := unix.Fstat(source, &status); err != nil {
		return c.explain(err)
	}
	if err := makeRoom(source, target); err != nil {
		return c.explain(err)
	}
	// Every file is made with the mode it had.
	unix.Umask(0)
	if err := c.children(source, target, 1); err != nil {
		return err
	}
	if err := c.flagFiles(); err != nil {
		return c.explain(err)
	}
	c.path = c.path[:0]
	return c.explain(c.describe(openPlace(source, target), &status))
}

// children copies what is in a directory.
func (c *Copy) children(source, target, depth int) error {
	if depth > depthMax {
		return protocol.Fail(protocol.CodeLimitExceeded, "the root is deeper than %d directories at %s", depthMax, quote(c.path))
	}
	length := len(c.path)
	listing := listing{directory: source, buffer: make([]byte, listingBytes)}
	for {
		c.path = c.path[:length]
		if err := c.context.Err(); err != nil {
			return err
		}
		name, err := listing.next()
		if err != nil {
			return c.explain(err)
		}
		if name == "" {
			return nil
		}
		c.path = append(append(c.path, '/'), name...)
		if err := c.entry(place{source, target, name}, depth); err != nil {
			return err
		}
		c.entryCount.Add(1)
	}
}

func (c *Copy) entry(at place, depth int) error {
	var status unix.Stat_t
	if err := unix.Fstatat(at.source, at.name, &status, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return c.explain(err)
	}
	kind := status.Mode & unix.S_IFMT
	if kind == unix.S_IFDIR {
		return c.directory(at, &status, depth)
	}
	if earlier := c.names.earlier(&status); earlier != "" {
		return c.explain(unix.Linkat(c.target, earlier, at.target, at.name, 0))
	}
	c.names.remember(&status, c.path)
	switch kind {
	case unix.S_IFREG:
		return c.explain(c.file(at, &status))
	case unix.S_IFLNK:
		return c.explain(c.link(at, &status))
	default:
		return c.explain(c.special(at, &status))
	}
}

func (c *Copy) directory(at place, status *unix.Stat_t, depth int) error {
	source, err := unix.Openat(at.source, at.name, openDirectory, 0)
	if err != nil {
		return c.explain(err)
	}
	defer unix.Close(source)
	err = unix.Mkdirat(at.target, at.name, status.Mode&0o777)
	if errors.Is(err, unix.EEXIST) && string(c.path) == "/"+lostAndFound {
		err = nil
	}
	if err != nil {
		return c.explain(err)
	}
	target, err := unix.Openat(at.target, at.name, openDirectory, 0)
	if err != nil {
		return c.explain(err)
	}
	defer unix.Close(target)
	length := len(c.path)
	if err := c.children(source, target, depth+1); err != nil {
		return err
	}
	c.path = c.path[:length]
	return c.explain(c.describe(openPlace(source, target), status))
}

func (c *Copy) link(at place, status *unix.Stat_t) error {
	var text [unix.PathMax]byte
	length, err := unix.Readlinkat(at.source, at.name, text[:])
	if err != nil {
		return err
	}
	if err := unix.Symlinkat(string(text[:length]), at.target, at.name); err != nil {
		return err
	}
	return c.describe(at, status)
}

// special makes a device, a fifo or a socket; none of them is ever opened.
func (c *Copy) special(at place, status *unix.Stat_t) error {
	if err := unix.Mknodat(at.target, at.name, status.Mode, int(status.Rdev)); err != nil {
		return err
	}
	return c.describe(at, status)
}

// lostAndFound is in every new file system.
const lostAndFound = "lost+found"

// makeRoom gives that name up to a root that has something else there.
func makeRoom(source, target int) error {
	var status unix.Stat_t
	err := unix.Fstatat(source, lostAndFound, &status, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || status.Mode&unix.S_IFMT == unix.S_IFDIR {
		return nil
	}
	return unix.Unlinkat(target, lostAndFound, unix.AT_REMOVEDIR)
}

const quotedBytesMax = 200

func quote(path []byte) string {
	if len(path) == 0 {
		return `"/"`
	}
	return strconv.QuoteToASCII(string(path[:min(len(path), quotedBytesMax)]))
}

// explain names the entry at work.
func (c *Copy) explain(err error) error {
	var failure *protocol.Failure
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.As(err, &failure):
		return err
	case errors.Is(err, unix.ENOSPC):
		return protocol.Fail(protocol.CodeNoSpace, "%s does not fit into the image", quote(c.path))
	case errors.Is(err, unix.EUCLEAN) || errors.Is(err, unix.EBADMSG) || errors.Is(err, unix.EIO):
		return protocol.Fail(protocol.CodeDamaged, "%s cannot be copied: %v", quote(c.path), err)
	default:
		return protocol.Fail(protocol.CodeInternal, "%s cannot be copied: %v", quote(c.path), err)
	}
}
