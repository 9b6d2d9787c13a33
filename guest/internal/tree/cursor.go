package tree

import (
	"bytes"

	"golang.org/x/sys/unix"
)

const (
	// stepsMax bounds the open directories of one cursor, whatever the depth.
	stepsMax = 64
	// lookupsMax is how often a path is looked up again that a rename elsewhere disturbed.
	lookupsMax = 100

	// strictly follows no link at all; inside follows those that stay below.
	strictly = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS
	inside   = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS
	// asRoot follows every link as if the directory were the machine's root.
	asRoot = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
)

// openBelow opens a path; the empty one is the directory itself.
func openBelow(directory int, path string, flags int, resolve uint64) (int, error) {
	if path == "" {
		path = "."
	}
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve}
	for lookups := 1; ; lookups++ {
		descriptor, err := unix.Openat2(directory, path, &how)
		if err != unix.EAGAIN && err != unix.EINTR || lookups == lookupsMax {
			return descriptor, err
		}
	}
}

// cursor keeps the directories of the latest path open: the next one is nearly
// always in the same or a neighbouring directory.
type cursor struct {
	root int
	path []byte
	// steps lead down to path, each below the one before.
	steps []step
}

type step struct {
	// pathBytes of the cursor's path name this directory.
	pathBytes  int
	descriptor int
}

func (c *cursor) close() {
	for _, one := range c.steps {
		_ = unix.Close(one.descriptor)
	}
	c.steps, c.path = nil, nil
}

// enter answers the directory's descriptor, which stays the cursor's.
func (c *cursor) enter(directory []byte) (int, error) {
	nearest, rest := c.leave(directory)
	if len(rest) == 0 {
		return nearest, nil
	}
	descriptor, err := openBelow(nearest, string(rest), unix.O_PATH|unix.O_DIRECTORY, strictly)
	if err != nil {
		return -1, err
	}
	c.add(directory, descriptor)
	return descriptor, nil
}

// leave closes what the directory is not in, and answers the nearest directory
// above it with the way down from there.
func (c *cursor) leave(directory []byte) (nearest int, rest []byte) {
	for last := len(c.steps) - 1; last >= 0; last-- {
		name := c.path[:c.steps[last].pathBytes]
		if bytes.HasPrefix(directory, name) {
			if len(directory) == len(name) {
				return c.steps[last].descriptor, nil
			}
			if directory[len(name)] == '/' {
				return c.steps[last].descriptor, directory[len(name)+1:]
			}
		}
		_ = unix.Close(c.steps[last].descriptor)
		c.steps = c.steps[:last]
	}
	return c.root, directory
}

func (c *cursor) add(directory []byte, descriptor int) {
	if len(c.steps) == stepsMax {
		_ = unix.Close(c.steps[0].descriptor)
		c.steps = append(c.steps[:0], c.steps[1:]...)
	}
	c.path = append(c.path[:0], directory...)
	c.steps = append(c.steps, step{len(directory), descriptor})
}

// make is enter that makes what is missing, and tells made of each directory it made.
func (c *cursor) make(directory []byte, made func(parent int, path []byte) error) (int, error) {
	descriptor, err := c.enter(directory)
	if err != unix.ENOENT || len(directory) == 0 {
		return descriptor, err
	}
	above, name := split(directory)
	parent, err := c.make(above, made)
	if err != nil {
		return -1, err
	}
	err = unix.Mkdirat(parent, string(name), parentMode)
	if err == nil {
		err = made(parent, directory)
	}
	if err != nil && err != unix.EEXIST {
		return -1, err
	}
	return c.enter(directory)
}

// parentMode is that of directories nobody described.
const parentMode = 0o755
