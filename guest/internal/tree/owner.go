package tree

import (
	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// owner is whom new entries are given to.
type owner struct {
	uid, gid uint32
	// isGiven says that new entries need not be told.
	isGiven bool
}

// owner is that of the tree's own directory. Without root's rights nothing can
// be given to anybody else.
func (t *Tree) owner() (owner, error) {
	var status unix.Stat_t
	if err := unix.Fstat(t.root, &status); err != nil {
		return owner{}, protocol.Fail(protocol.CodeInternal, "look at the tree: %v", err)
	}
	return ownerOf(&status), nil
}

func ownerOf(status *unix.Stat_t) owner {
	self := unix.Geteuid()
	isGiven := self != 0 || status.Uid == uint32(self) && status.Gid == uint32(unix.Getegid())
	return owner{status.Uid, status.Gid, isGiven}
}

// give hands over an entry by its name.
func (o owner) give(directory int, name string) error {
	if o.isGiven {
		return nil
	}
	return unix.Fchownat(directory, name, int(o.uid), int(o.gid), unix.AT_SYMLINK_NOFOLLOW)
}

// claim hands over a directory that was there before, whoever it belonged to.
func (o owner) claim(directory int) error {
	if unix.Geteuid() != 0 {
		return nil
	}
	var status unix.Stat_t
	if err := unix.Fstat(directory, &status); err != nil {
		return err
	}
	if status.Uid == o.uid && status.Gid == o.gid {
		return nil
	}
	return unix.Fchownat(directory, ".", int(o.uid), int(o.gid), 0)
}

// giveParent hands over a directory that was made on the way to an entry.
func (o owner) giveParent(parent int, path []byte) error {
	_, name := split(path)
	return o.give(parent, string(name))
}

func (o owner) giveFile(descriptor int) error {
	if o.isGiven {
		return nil
	}
	return unix.Fchown(descriptor, int(o.uid), int(o.gid))
}
