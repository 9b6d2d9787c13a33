package workload

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
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

// writeNames tells the root which machine it is now.
func (r *confinedRoot) writeNames(request *protocol.ActivateRequest) error {
	etc, err := r.openDirectory("etc")
	if err != nil {
		return fmt.Errorf("open /etc: %w", err)
	}
	defer unix.Close(etc)
	if err := writeName(etc, "machine-id", request.MachineID+"\n"); err != nil {
		return err
	}
	if err := writeName(etc, "hostname", request.Hostname+"\n"); err != nil {
		return err
	}
	var status unix.Stat_t
	if err := unix.Fstatat(etc, "hosts", &status, unix.AT_SYMLINK_NOFOLLOW); !errors.Is(err, unix.ENOENT) {
		return nil
	}
	hosts := "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t" + request.Hostname + "\n"
	return writeName(etc, "hosts", hosts)
}

// writeName replaces whatever is there unless it is a plain file.
func writeName(directory int, name, text string) error {
	flags := unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	descriptor, err := unix.Openat(directory, name, flags, 0o644)
	if err != nil {
		if err := unix.Unlinkat(directory, name, 0); err != nil {
			return fmt.Errorf("replace /etc/%s: %w", name, err)
		}
		if descriptor, err = unix.Openat(directory, name, flags|unix.O_EXCL, 0o644); err != nil {
			return fmt.Errorf("write /etc/%s: %w", name, err)
		}
	}
	file := os.NewFile(uintptr(descriptor), name)
	defer file.Close()
	status, err := file.Stat()
	if err != nil || !status.Mode().IsRegular() {
		return fmt.Errorf("write /etc/%s: not a plain file", name)
	}
	if _, err := file.WriteString(text); err != nil {
		return fmt.Errorf("write /etc/%s: %w", name, err)
	}
	return nil
}
