package layer

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// depthMax bounds the recursion; links let a layer nest deeper than any one name can.
const depthMax = 10_000

const listBatch = 1024

var errTooDeep = errors.New("the tree is nested too deep to remove")

// hide applies a whiteout, or with no name makes a directory opaque. Either
// hides what earlier layers left, not what this one brought.
func (u *unpacker) hide(directory, hidden, entry string) error {
	descriptor, err := openIn(u.root, directory, unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		// Nothing was there to hide.
		return nil
	}
	if err != nil {
		return explain(entry, err)
	}
	defer unix.Close(descriptor)
	u.forgetParents(nil)
	if hidden == "" {
		err = u.hideAll(descriptor, 0)
	} else {
		err = u.hideOne(descriptor, hidden, 0)
	}
	if err != nil {
		return explain(entry, err)
	}
	return nil
}

func (u *unpacker) hideAll(directory, depth int) error {
	return eachEntry(directory, depth, func(name string) error {
		return u.hideOne(directory, name, depth)
	})
}

// hideOne leaves a directory that has something of this layer in it.
func (u *unpacker) hideOne(directory int, name string, depth int) error {
	inode, err := inodeOf(directory)
	if err != nil {
		return err
	}
	isOwn := u.own.has(inode, name)
	if !isOwn {
		if err := unix.Unlinkat(directory, name, 0); !errors.Is(err, unix.EISDIR) {
			return unlessAbsent(err)
		}
	}
	err = inDirectory(directory, name, func(inner int) error { return u.hideAll(inner, depth+1) })
	if isOwn {
		if errors.Is(err, unix.ENOTDIR) {
			return nil
		}
		return unlessAbsent(err)
	}
	if err != nil {
		return err
	}
	if err := unix.Unlinkat(directory, name, unix.AT_REMOVEDIR); !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}
	return nil
}

// remove removes an entry with all that is in it; a link itself, not what it names.
func (u *unpacker) remove(directory int, name string, depth int) error {
	err := unix.Unlinkat(directory, name, 0)
	if !errors.Is(err, unix.EISDIR) {
		return unlessAbsent(err)
	}
	err = inDirectory(directory, name, func(inner int) error {
		return eachEntry(inner, depth, func(child string) error { return u.remove(inner, child, depth+1) })
	})
	if err != nil {
		return err
	}
	return unix.Unlinkat(directory, name, unix.AT_REMOVEDIR)
}

func unlessAbsent(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

func inDirectory(directory int, name string, visit func(inner int) error) error {
	inner, err := unix.Openat(directory, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(inner)
	return visit(inner)
}

// eachEntry lists in batches: a directory may have millions of entries.
func eachEntry(directory, depth int, visit func(name string) error) error {
	if depth > depthMax {
		return errTooDeep
	}
	// A descriptor of its own: the caller's has an offset.
	own, err := unix.Openat(directory, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	list := os.NewFile(uintptr(own), "directory")
	defer list.Close()
	for {
		names, err := list.Readdirnames(listBatch)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := visit(name); err != nil {
				return err
			}
		}
	}
}
