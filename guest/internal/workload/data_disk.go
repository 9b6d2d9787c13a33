package workload

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/trash"
	"pyro.dev/guest/internal/tree"
)

// What lies on the data disk.
const (
	upperName     = "upper"
	workName      = "work"
	workspaceName = "workspace"
	// stageName is where new files wait on their way into the workspace.
	stageName = "stage"
	trashName = "trash"
	// servicesName is where the logs of services are.
	servicesName = "services"
)

// trashesMax bounds the search for a free name; more have never been left behind.
const trashesMax = 1000

// dataDisk is the data disk through a mount of the agent's own: it has no place
// in any namespace, so no command finds it or mounts anything in it, and no
// device on it opens. It lives as long as descriptors on it, whatever becomes
// of the workload's namespaces.
type dataDisk struct{ descriptor int }

func openDataDisk() (*dataDisk, error) {
	const flags = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	mount, err := unix.OpenTree(unix.AT_FDCWD, dataDirectory, flags)
	if err != nil {
		return nil, fmt.Errorf("open the data disk: %w", err)
	}
	without := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSUID}
	if err := unix.MountSetattr(mount, "", unix.AT_EMPTY_PATH, &without); err != nil {
		_ = unix.Close(mount)
		return nil, fmt.Errorf("close the data disk to devices: %w", err)
	}
	return &dataDisk{mount}, nil
}

func (d *dataDisk) close() { _ = unix.Close(d.descriptor) }

// again answers another descriptor of the disk.
func (d *dataDisk) again() (int, error) {
	descriptor, err := unix.FcntlInt(uintptr(d.descriptor), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open the data disk again: %w", err)
	}
	return descriptor, nil
}

// workspace makes the tree that requests work on.
func (d *dataDisk) workspace() (*tree.Tree, error) {
	root, err := unix.Openat(d.descriptor, workspaceName, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the workspace: %w", err)
	}
	parent, err := d.again()
	if err != nil {
		_ = unix.Close(root)
		return nil, err
	}
	return tree.New(tree.Place{Root: root, StageParent: parent, StageName: stageName, OwnsDisk: true}), nil
}

// tidy throws away what is not wanted any more, by renaming it: removing it
// takes as long as it takes, later.
func (d *dataDisk) tidy(discardRoot bool) error {
	unwanted := []string{}
	if err := unix.Unlinkat(d.descriptor, stageName, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		unwanted = append(unwanted, stageName)
	}
	if discardRoot {
		unwanted = append(unwanted, upperName, workName, servicesName)
	}
	for _, name := range unwanted {
		if err := d.throwAway(name); err != nil {
			return fmt.Errorf("throw /%s of the data disk away: %w", name, err)
		}
	}
	return nil
}

func (d *dataDisk) throwAway(name string) error {
	if err := unix.Mkdirat(d.descriptor, trashName, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	for number := range trashesMax {
		err := d.move(name, trashName+"/"+name+"-"+strconv.Itoa(number))
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	return unix.EEXIST
}

// move also moves what a command made immutable.
func (d *dataDisk) move(name, place string) error {
	err := unix.Renameat2(d.descriptor, name, d.descriptor, place, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	for _, one := range []string{".", name} {
		if descriptor, err := unix.Openat(d.descriptor, one, flags, 0); err == nil {
			trash.Allow(descriptor)
			_ = unix.Close(descriptor)
		}
	}
	return unix.Renameat2(d.descriptor, name, d.descriptor, place, unix.RENAME_NOREPLACE)
}

// sweeper empties the trash behind everybody's back.
type sweeper struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// sweep takes over the disk. A disk without trash needs no sweeper.
func (d *dataDisk) sweep() *sweeper {
	if unix.Faccessat(d.descriptor, trashName, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW) != nil {
		d.close()
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	started := &sweeper{cancel, make(chan struct{})}
	go func() {
		defer close(started.done)
		defer d.close()
		if err := trash.Remove(ctx, d.descriptor, trashName); err != nil && !errors.Is(err, context.Canceled) {
			console.Say("the trash stays: %v", err)
		}
	}()
	return started
}

// stop returns once nothing is removed any more.
func (s *sweeper) stop() {
	if s == nil {
		return
	}
	s.cancel()
	<-s.done
}

// makeDataDirectories tells whether no machine used the disk before; the workspace
// may have come with it all the same.
func makeDataDirectories() (bool, error) {
	isNew := true
	for _, name := range []string{upperName, workName, workspaceName} {
		err := unix.Mkdir(dataDirectory+"/"+name, 0o755)
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return false, fmt.Errorf("make %s: %w", name, err)
		}
		if name == upperName {
			isNew = err == nil
		}
	}
	return isNew, nil
}
