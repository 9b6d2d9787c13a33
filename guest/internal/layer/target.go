package layer

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// parentsMax is how many open directories are remembered: an archive walks a
// tree, so the next entry's directory is nearly always among the last few.
const parentsMax = 64

// target is the root being written to. All paths are resolved by the kernel as
// if it were the root of the system: a link in an earlier layer, such as
// /lib → /usr/lib, leads where it would in the finished image.
type target struct {
	root    int
	parents map[string]*parent
	own     ownEntries
	times   directoryTimes
}

// parent is an open directory.
type parent struct {
	descriptor int
	inode      uint64
	// givesGroup says that new entries get the directory's group, not root's.
	givesGroup bool
}

func openTarget(directory string) (*target, error) {
	root, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, protocol.Fail(protocol.CodeInternal, "open the target: %v", err)
	}
	return &target{root: root, parents: map[string]*parent{}, own: newOwnEntries()}, nil
}

func (t *target) close() {
	t.forgetParents(nil)
	_ = unix.Close(t.root)
}

// forgetParents is due whenever a path may lead elsewhere than before; the one
// in use is where the change happened, and its own path is not affected.
func (t *target) forgetParents(inUse *parent) {
	for name, known := range t.parents {
		if known == inUse {
			continue
		}
		_ = unix.Close(known.descriptor)
		delete(t.parents, name)
	}
}

func openIn(root int, name string, flags int) (int, error) {
	if name == "" {
		name = "."
	}
	for {
		descriptor, err := unix.Openat2(root, name, &unix.OpenHow{
			Flags:   uint64(flags | unix.O_CLOEXEC),
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		})
		// The kernel could not rule out a rename meanwhile; nothing renames for long here.
		if err != unix.EAGAIN {
			return descriptor, err
		}
	}
}

// parentOf opens an entry's directory, making what is missing of it.
func (t *target) parentOf(name string, entry string) (*parent, error) {
	if known, found := t.parents[name]; found {
		return known, nil
	}
	descriptor, err := t.openDirectory(name, linksMax)
	if err != nil {
		return nil, explain(entry, err)
	}
	var status unix.Stat_t
	if err := unix.Fstat(descriptor, &status); err != nil {
		_ = unix.Close(descriptor)
		return nil, explain(entry, err)
	}
	if len(t.parents) >= parentsMax {
		t.forgetParents(nil)
	}
	opened := &parent{descriptor, status.Ino, status.Mode&unix.S_ISGID != 0}
	t.parents[name] = opened
	return opened, nil
}

// linksMax is how many links to nothing lead to one directory, as many as the kernel follows.
const linksMax = 40

// errDangling: the path exists only as a link to nothing.
var errDangling = errors.New("its directory is a link to nothing")

// openDirectory makes what is missing, of what a link to nothing names as well:
// the directory it waits for often comes in a later layer, or never.
func (t *target) openDirectory(name string, linksMax int) (int, error) {
	descriptor, err := openIn(t.root, name, unix.O_PATH|unix.O_DIRECTORY)
	if !errors.Is(err, unix.ENOENT) || name == "" {
		return descriptor, err
	}
	above, base := path.Split(name)
	holder, err := t.openDirectory(strings.TrimSuffix(above, "/"), linksMax)
	if err != nil {
		return -1, err
	}
	defer unix.Close(holder)
	if err := unix.Mkdirat(holder, base, 0o755); errors.Is(err, unix.EEXIST) {
		return t.followToNothing(holder, above, base, linksMax)
	} else if err != nil {
		return -1, err
	}
	inode, err := inodeOf(holder)
	if err != nil {
		return -1, err
	}
	t.own.add(inode, base)
	return openIn(t.root, name, unix.O_PATH|unix.O_DIRECTORY)
}

// followToNothing makes what a link names that is in a directory's place. The way
// up from what is missing leads nowhere.
func (t *target) followToNothing(holder int, above, base string, linksMax int) (int, error) {
	text := make([]byte, nameBytesMax+1)
	length, err := unix.Readlinkat(holder, base, text)
	if err != nil || linksMax == 0 {
		return -1, errDangling
	}
	named := string(text[:length])
	if !strings.HasPrefix(named, "/") {
		named = above + named
	}
	components := slices.DeleteFunc(strings.Split(named, "/"), func(component string) bool {
		return component == "" || component == "."
	})
	return t.openDirectory(strings.Join(components, "/"), linksMax-1)
}

func inodeOf(descriptor int) (uint64, error) {
	var status unix.Stat_t
	err := unix.Fstat(descriptor, &status)
	return status.Ino, err
}

// explain turns what the system refused into what the host should hear.
func explain(entry string, err error) error {
	var failure *protocol.Failure
	if errors.As(err, &failure) {
		return failure
	}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return protocol.Fail(protocol.CodeNoSpace, "the image's disk is full at entry %s", quote(entry))
	case errors.Is(err, unix.ENOTDIR):
		return refuse(entry, "lies under something that is no directory")
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.EXDEV), errors.Is(err, errDangling), errors.Is(err, errTooDeep),
		errors.Is(err, unix.ENAMETOOLONG), errors.Is(err, unix.EMLINK), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EFBIG):
		return refuse(entry, "cannot be made: %v", err)
	default:
		return protocol.Fail(protocol.CodeInternal, "entry %s: %v", quote(entry), err)
	}
}

func quote(entry string) string {
	if len(entry) > 200 {
		entry = entry[:200]
	}
	return strconv.QuoteToASCII(entry)
}
