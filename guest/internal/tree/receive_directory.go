package tree

import (
	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	// directoriesBytesMax bounds what is remembered of a tree of nothing but directories.
	directoriesBytesMax = 24 << 20
	// ownerBits are needed while a directory is filled, by an agent that is no root.
	ownerBits = 0o700
)

// directoryTimes are set last: every entry made in a directory changes its time,
// and a mode without the right to write would keep entries out.
type directoryTimes struct {
	directories []finishedDirectory
	bytes       int
}

type finishedDirectory struct {
	path       string
	modifiedNs int64
	mode       uint32
	// hasMode says that the mode is set already.
	hasMode bool
}

func (d *directoryTimes) remember(one finishedDirectory) error {
	const overhead = 48
	if d.bytes += len(one.path) + overhead; d.bytes > directoriesBytesMax {
		return protocol.Fail(protocol.CodeLimitExceeded, "the stream's directory names take more than %d bytes", directoriesBytesMax)
	}
	d.directories = append(d.directories, one)
	return nil
}

// directory makes a directory or merges into the one that is there.
func (r *receive) directory(one *record) error {
	if len(r.path) == 0 {
		return r.merge(r.tree.root, one)
	}
	parent, name, err := r.parent()
	if err != nil {
		return err
	}
	err = unix.Mkdirat(parent, name, one.mode&permissionBits|ownerBits)
	if err != nil && err != unix.EEXIST {
		return err
	}
	isNew := err == nil
	if !isNew || len(one.attributes) > 0 {
		descriptor, err := r.cursor.enter(r.path)
		if err != nil {
			return err
		}
		return r.merge(descriptor, one)
	}
	if err := r.owner.give(parent, name); err != nil {
		return err
	}
	return r.times.remember(finishedDirectory{
		path: string(r.path), modifiedNs: one.modifiedNs, mode: one.mode,
		hasMode: one.mode&(specialBits|r.umask) == 0 && one.mode&ownerBits == ownerBits,
	})
}

// merge gives a directory that is there already what is said of it.
func (r *receive) merge(directory int, one *record) error {
	if unix.Geteuid() != 0 {
		// Forbidden to its owner, it could not be filled.
		if err := unix.Fchmodat(directory, ".", one.mode|ownerBits, 0); err != nil {
			return err
		}
	}
	if err := r.owner.claim(directory); err != nil {
		return err
	}
	if len(one.attributes) > 0 {
		descriptor, err := unix.Openat(directory, ".", openEntry|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		setAttributes(descriptor, one.attributes)
		_ = unix.Close(descriptor)
	}
	return r.times.remember(finishedDirectory{path: string(r.path), modifiedNs: one.modifiedNs, mode: one.mode})
}

// finish completes the directories. One that was taken away meanwhile needs nothing.
func (r *receive) finish() error {
	if !r.isOneFile {
		// An empty stream makes its directory all the same.
		if _, err := r.cursor.make(r.top, r.owner.giveParent); err != nil {
			return explain(r.top, err)
		}
	}
	// Backwards, so that no directory is closed to its owner while those in it still wait.
	for i := len(r.times.directories) - 1; i >= 0; i-- {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		one := &r.times.directories[i]
		if err := r.finishDirectory(one); err != nil && !hasVanished(err) {
			return explain([]byte(one.path), err)
		}
	}
	return nil
}

func (r *receive) finishDirectory(one *finishedDirectory) error {
	times := []unix.Timespec{timespec(one.modifiedNs), timespec(one.modifiedNs)}
	if one.hasMode {
		above, name := split([]byte(one.path))
		parent, err := r.cursor.enter(above)
		if err != nil {
			return err
		}
		return unix.UtimesNanoAt(parent, string(name), times, unix.AT_SYMLINK_NOFOLLOW)
	}
	directory, err := r.cursor.enter([]byte(one.path))
	if err != nil {
		return err
	}
	if err := unix.Fchmodat(directory, ".", one.mode, 0); err != nil {
		return err
	}
	return unix.UtimesNanoAt(directory, ".", times, unix.AT_SYMLINK_NOFOLLOW)
}
