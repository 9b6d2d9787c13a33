package workload

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/machine"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/tree"
)

// emptyDirectory stands in for the changes to an environment that nothing was changed in.
const emptyDirectory = "/run/empty"

// offlineOptions: a guest may have asked, in its own disk, for a panic where anything is wrong with it.
const offlineOptions = "errors=continue,no_prefetch_block_bitmaps"

var errUnclean = errors.New("the journal cannot be replayed")

// Offline is the root that commands had, of a machine that does not run: made of its disks for reading, with
// nothing mounted in it but the workspace.
type Offline struct {
	// root is a descriptor of the root's own directory.
	root int
	tree *tree.Tree
}

// OpenOffline mounts a data disk that nobody runs on. It answers nil for one whose journal was left to be replayed,
// which only may be where the disk may be written to.
func OpenOffline(disk string, request *protocol.DiskOpenRequest) (*Offline, error) {
	if err := os.MkdirAll(emptyDirectory, 0o755); err != nil {
		return nil, err
	}
	if err := machine.ForgetCached(disk); err != nil {
		return nil, err
	}
	if !request.Recover {
		if err := machine.ForbidWrites(disk); err != nil {
			return nil, err
		}
	}
	err := mountOffline(disk, request)
	if errors.Is(err, errUnclean) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	root, err := unix.Open(rootDirectory, flags, 0)
	if err != nil {
		return nil, damaged("the root", err)
	}
	forTree, err := unix.Open(rootDirectory, flags, 0)
	if err != nil {
		return nil, damaged("the root", err)
	}
	opened := tree.New(tree.Place{Root: forTree, StageParent: -1, IsRoot: true})
	return &Offline{root: root, tree: opened}, nil
}

// Root answers a descriptor that stays open.
func (o *Offline) Root() int { return o.root }

// Tree answers the whole root as a tree; Release is due afterwards.
func (o *Offline) Tree() (*tree.Tree, error) {
	if !o.tree.Acquire() {
		return nil, errors.New("the disk is closed")
	}
	return o.tree, nil
}

func mountOffline(disk string, request *protocol.DiskOpenRequest) error {
	const flags = unix.MS_RDONLY | unix.MS_NOATIME | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC
	err := unix.Mount(disk, dataDirectory, "ext4", flags, offlineOptions)
	if errors.Is(err, unix.EROFS) {
		return errUnclean
	}
	if err != nil {
		return damaged("the data disk", err)
	}
	changes := upperDirectory
	if request.DiscardRoot || !isDirectory(upperDirectory) {
		changes = emptyDirectory
	}
	options := "lowerdir=" + changes + ":" + EnvironmentDirectory + ",redirect_dir=follow"
	if err := unix.Mount("overlay", rootDirectory, "overlay", flags, options); err != nil {
		return damaged("the root", err)
	}
	return attachOffline()
}

// attachOffline puts the workspace where it is in a machine that runs; on a disk without one, or a root
// without the place for it, there is none.
func attachOffline() error {
	if !isDirectory(workspaceDirectory) {
		return nil
	}
	root, err := openRoot(rootDirectory)
	if err != nil {
		return err
	}
	defer root.close()
	place, err := root.open(workspaceName, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	_ = unix.Close(place)
	return attachWorkspace(root, "/"+workspaceName)
}

func isDirectory(path string) bool {
	status, err := os.Lstat(path)
	return err == nil && status.IsDir()
}

func damaged(what string, err error) error {
	return protocol.Fail(protocol.CodeDamaged, "mount %s: %v", what, err)
}
