package compat

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/trash"
	"pyro.dev/guest/internal/tree"
)

// stagePrefix and the directory's inode number name where its new files wait.
const stagePrefix = ".stage-"

// OpenTree answers what gives out a directory's tree. New files wait beside the
// directory if that is the same mount and open to this process, else in it. What an
// earlier agent left waiting is removed.
func OpenTree(root string) (func() (*tree.Tree, error), error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	directory, err := unix.Open(root, flags, 0)
	if err != nil {
		return nil, fmt.Errorf("open the root: %w", err)
	}
	var status unix.Stat_t
	if err := unix.Fstat(directory, &status); err != nil {
		return nil, fmt.Errorf("look at the root: %w", err)
	}
	place := tree.Place{Root: directory, StageName: stagePrefix + strconv.FormatUint(status.Ino, 10)}
	place.StageParent, place.StageIsInside, err = stageParent(directory)
	if err != nil {
		return nil, fmt.Errorf("open the root again: %w", err)
	}
	if err := trash.Remove(context.Background(), place.StageParent, place.StageName); err != nil {
		return nil, fmt.Errorf("remove an earlier agent's files: %w", err)
	}
	opened := tree.New(place)
	return func() (*tree.Tree, error) {
		if !opened.Acquire() {
			return nil, errors.New("the tree is closed")
		}
		return opened, nil
	}, nil
}

// stageParent answers where a stage can be.
func stageParent(directory int) (parent int, isInside bool, err error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	parent, err = unix.Openat(directory, "..", flags, 0)
	if err == nil && isSameMount(directory, parent) {
		return parent, false, nil
	}
	if err == nil {
		_ = unix.Close(parent)
	}
	parent, err = unix.Openat(directory, ".", flags, 0)
	return parent, true, err
}

// isSameMount tells whether files can be moved between both, and this process may.
func isSameMount(directory, parent int) bool {
	var one, other unix.Statx_t
	const wanted = unix.STATX_MNT_ID | unix.STATX_INO
	if unix.Statx(directory, "", unix.AT_EMPTY_PATH, wanted, &one) != nil ||
		unix.Statx(parent, "", unix.AT_EMPTY_PATH, wanted, &other) != nil {
		return false
	}
	isRoot := one.Ino == other.Ino && one.Dev_minor == other.Dev_minor && one.Dev_major == other.Dev_major
	hasIDs := one.Mask&other.Mask&unix.STATX_MNT_ID != 0
	return hasIDs && one.Mnt_id == other.Mnt_id && !isRoot && unix.Faccessat(parent, ".", unix.W_OK|unix.X_OK, 0) == nil
}
