package workload

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/identity"
	"pyro.dev/guest/internal/protocol"
)

const (
	upperDirectory     = dataDirectory + "/upper"
	workDirectory      = dataDirectory + "/work"
	workspaceDirectory = dataDirectory + "/workspace"

	// Without the second, every mount reads all block bitmaps ahead.
	dataOptions = "noinit_itable,no_prefetch_block_bitmaps,discard"
	// A directory of the environment can be renamed only with redirect_dir.
	overlayOptions = "lowerdir=" + EnvironmentDirectory + ",upperdir=" + upperDirectory + ",workdir=" + workDirectory + ",redirect_dir=on,index=off"
)

// buildRoot runs on a thread inside the workload's namespaces and makes the
// command's root of environment and data disk. It answers whether the hosts
// file is ours.
func buildRoot(disk string, request *protocol.ActivateRequest) (ownsHosts bool, err error) {
	if err := unix.Mount(disk, dataDirectory, "ext4", unix.MS_NOATIME, dataOptions); err != nil {
		return false, fmt.Errorf("mount the data disk: %w", err)
	}
	isNew, err := makeDataDirectories()
	if err != nil {
		return false, err
	}
	if ownsHosts, err = writeNames(&request.Identity); err != nil {
		return false, err
	}
	if err := unix.Mount("overlay", rootDirectory, "overlay", unix.MS_NOATIME, overlayOptions); err != nil {
		return false, fmt.Errorf("mount the root: %w", err)
	}
	root, err := openRoot(rootDirectory)
	if err != nil {
		return false, err
	}
	defer root.close()
	for _, name := range moved {
		if err := root.attach(stageDirectory+"/"+name, name, unix.AT_FDCWD); err != nil {
			return false, err
		}
	}
	if err := attachWorkspace(root, request.Workspace); err != nil {
		return false, err
	}
	if err := pivot(rootDirectory); err != nil {
		return false, err
	}
	if isNew {
		err = giveWorkspace(request)
	}
	return ownsHosts, err
}

// makeDataDirectories tells whether the disk was blank.
func makeDataDirectories() (bool, error) {
	isNew := false
	for _, directory := range []string{upperDirectory, workDirectory, workspaceDirectory} {
		err := unix.Mkdir(directory, 0o755)
		if err == nil {
			isNew = true
		} else if !errors.Is(err, unix.EEXIST) {
			return false, fmt.Errorf("make %s: %w", strings.TrimPrefix(directory, dataDirectory), err)
		}
	}
	return isNew, nil
}

func attachWorkspace(root *confinedRoot, path string) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, workspaceDirectory, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open the workspace: %w", err)
	}
	defer unix.Close(tree)
	return root.attach("", strings.Trim(path, "/"), tree)
}

// giveWorkspace makes the image's own user the owner of a new workspace.
func giveWorkspace(request *protocol.ActivateRequest) error {
	if request.DefaultUser == "" {
		return nil
	}
	who, err := identity.Resolve(request.DefaultUser, identity.ReadFile("/etc/passwd"), identity.ReadFile("/etc/group"))
	if err != nil {
		// Each command says so itself; the workspace is no less usable by root.
		return nil
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
