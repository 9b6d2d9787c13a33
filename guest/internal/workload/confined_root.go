package workload

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// confinedRoot is a root being built. What is in it is foreign: a symbolic link
// in it may point anywhere, so nothing is ever named from outside it.
type confinedRoot struct{ descriptor int }

func openRoot(directory string) (*confinedRoot, error) {
	descriptor, err := unix.Open(directory, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the root: %w", err)
	}
	return &confinedRoot{descriptor}, nil
}

func (r *confinedRoot) close() { _ = unix.Close(r.descriptor) }

// open resolves links as if this root were the machine's.
func (r *confinedRoot) open(name string, flags int, mode uint64) (int, error) {
	return unix.Openat2(r.descriptor, name, &unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Mode:    mode,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// openDirectory makes what is missing of the path.
func (r *confinedRoot) openDirectory(name string) (int, error) {
	descriptor, err := r.open(name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if !errors.Is(err, unix.ENOENT) {
		return descriptor, err
	}
	parentName, base := path.Split(strings.TrimSuffix(name, "/"))
	parent, err := r.openDirectory("./" + strings.TrimSuffix(parentName, "/"))
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := unix.Mkdirat(parent, base, 0o755); err != nil {
		return -1, err
	}
	return r.open(name, unix.O_PATH|unix.O_DIRECTORY, 0)
}

// makeWorkingDirectory makes the one that commands start in where the image names
// it and has none. What is in its way is told by every command.
func (r *confinedRoot) makeWorkingDirectory(path string) {
	name := strings.Trim(path, "/")
	if name == "" {
		return
	}
	if descriptor, err := r.openDirectory(name); err == nil {
		_ = unix.Close(descriptor)
	}
}

// attachStaged moves the staged mounts to their places in the root.
func (r *confinedRoot) attachStaged() error {
	for _, name := range moved {
		if err := r.attach(stageDirectory+"/"+name, name, unix.AT_FDCWD); err != nil {
			return err
		}
	}
	return nil
}

// attach moves a mount, named by a path or a descriptor, onto a directory of the root.
func (r *confinedRoot) attach(source, target string, sourceDescriptor int) error {
	place, err := r.openDirectory(target)
	if err != nil {
		return fmt.Errorf("mount point /%s: %w", target, err)
	}
	defer unix.Close(place)
	flags := unix.MOVE_MOUNT_T_EMPTY_PATH
	if source == "" {
		flags |= unix.MOVE_MOUNT_F_EMPTY_PATH
	}
	if err := unix.MoveMount(sourceDescriptor, source, place, "", flags); err != nil {
		return fmt.Errorf("mount /%s: %w", target, err)
	}
	return nil
}
