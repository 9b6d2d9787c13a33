package workload

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/identity"
	"pyro.dev/guest/internal/protocol"
)

const (
	upperDirectory     = dataDirectory + "/" + upperName
	workDirectory      = dataDirectory + "/" + workName
	workspaceDirectory = dataDirectory + "/" + workspaceName

	// Without the second, every mount reads all block bitmaps ahead.
	dataOptions = "noinit_itable,no_prefetch_block_bitmaps,discard"
	// A directory of the environment can be renamed only with redirect_dir.
	overlayOptions = "lowerdir=" + EnvironmentDirectory + ",upperdir=" + upperDirectory + ",workdir=" + workDirectory + ",redirect_dir=on,index=off"
)

// buildRoot runs on a thread inside the workload's namespaces and makes the
// command's root of environment and data disk. It answers the hosts file,
// nil where that is not ours. With the data disk mounted, prepare is called.
func buildRoot(disk string, request *protocol.ActivateRequest, prepare func() error) (hosts *hostsFile, err error) {
	if err := unix.Mount(disk, dataDirectory, "ext4", unix.MS_NOATIME, dataOptions); err != nil {
		return nil, fmt.Errorf("mount the data disk: %w", err)
	}
	if err := prepare(); err != nil {
		return nil, err
	}
	isNew, err := makeDataDirectories()
	if err != nil {
		return nil, err
	}
	if hosts, err = writeNames(&request.Identity); err != nil {
		return nil, err
	}
	if err := unix.Mount("overlay", rootDirectory, "overlay", unix.MS_NOATIME, overlayOptions); err != nil {
		return nil, fmt.Errorf("mount the root: %w", err)
	}
	if err := enterBuilt(request); err != nil {
		return nil, err
	}
	// A disk whose root was thrown away keeps its workspace as it was.
	if isNew && !request.DiscardRoot {
		err = giveWorkspace(request)
	}
	return hosts, err
}

// enterBuilt completes the mounted root and makes it this thread's.
func enterBuilt(request *protocol.ActivateRequest) error {
	root, err := openRoot(rootDirectory)
	if err != nil {
		return err
	}
	defer root.close()
	if err := root.attachStaged(); err != nil {
		return err
	}
	if err := attachWorkspace(root, request.Workspace); err != nil {
		return err
	}
	root.makeWorkingDirectory(string(request.DefaultCwd))
	return pivot(rootDirectory)
}

func attachWorkspace(root *confinedRoot, path string) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, workspaceDirectory, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open the workspace: %w", err)
	}
	defer unix.Close(tree)
	return root.attach("", strings.Trim(path, "/"), tree)
}

// giveWorkspace makes the image's own user the owner of a new workspace, which
// may have come with the disk.
func giveWorkspace(request *protocol.ActivateRequest) error {
	if request.DefaultUser == "" {
		return unix.Chown(request.Workspace, 0, 0)
	}
	who, err := identity.Resolve(request.DefaultUser, identity.ReadFile("/etc/passwd"), identity.ReadFile("/etc/group"))
	if err != nil {
		// Each command says so itself; the workspace is no less usable by root.
		return unix.Chown(request.Workspace, 0, 0)
	}
	return unix.Chown(request.Workspace, int(who.UID), int(who.GID))
}

// pivot leaves the old root for good.
func pivot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot to the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return unix.Chdir("/")
}
