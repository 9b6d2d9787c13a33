package workload

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// writeNames tells the root which machine it is now, and answers its hosts file,
// nil where that is not ours. It writes below the overlay, before that is mounted:
// copying /etc up through it takes far longer.
func writeNames(identity *protocol.Identity) (*hostsFile, error) {
	etc, err := openUpperEtc()
	if err != nil {
		// The workspace made /etc something else; whoever did will not miss the names.
		return nil, nil
	}
	defer unix.Close(etc)
	hosts := readHosts(etc)
	return hosts, writeNamesIn(etc, identity, hosts)
}

// rename writes the names of a mounted root; the calling thread lives in it. A
// root mounted for a template has them in its upper layer already, so that
// nothing is copied up.
func rename(identity *protocol.Identity, hosts *hostsFile) error {
	etc, err := unix.Open("/etc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(etc)
	return writeNamesIn(etc, identity, hosts)
}

func writeNamesIn(etc int, identity *protocol.Identity, hosts *hostsFile) error {
	if err := writeName(etc, "machine-id", identity.MachineID+"\n"); err != nil {
		return err
	}
	if err := writeName(etc, "hostname", identity.Hostname+"\n"); err != nil {
		return err
	}
	if hosts == nil {
		return nil
	}
	return writeName(etc, "hosts", hosts.with(identity.Hostname))
}

// openUpperEtc makes the directory as the environment has it.
func openUpperEtc() (int, error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	etc, err := unix.Open(upperDirectory+"/etc", flags, 0)
	if !errors.Is(err, unix.ENOENT) {
		return etc, err
	}
	lower := unix.Stat_t{Mode: unix.S_IFDIR | 0o755}
	err = unix.Lstat(EnvironmentDirectory+"/etc", &lower)
	if err == nil && lower.Mode&unix.S_IFMT != unix.S_IFDIR {
		return -1, unix.ENOTDIR
	}
	if err := unix.Mkdir(upperDirectory+"/etc", 0o755); err != nil {
		return -1, err
	}
	if err := unix.Chown(upperDirectory+"/etc", int(lower.Uid), int(lower.Gid)); err != nil {
		return -1, err
	}
	if err := unix.Chmod(upperDirectory+"/etc", lower.Mode&0o7777); err != nil {
		return -1, err
	}
	return unix.Open(upperDirectory+"/etc", flags, 0)
}

func exists(directory int, name string) bool {
	var status unix.Stat_t
	return unix.Fstatat(directory, name, &status, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// writeName replaces whatever is there unless it is a plain file. A plain file is
// written over and then cut: emptied first, it would be flushed to the disk when it is closed.
func writeName(directory int, name, text string) error {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	descriptor, err := unix.Openat(directory, name, flags, 0o644)
	var status unix.Stat_t
	if err == nil && (unix.Fstat(descriptor, &status) != nil || status.Mode&unix.S_IFMT != unix.S_IFREG) {
		_ = unix.Close(descriptor)
		err = unix.ENXIO
	}
	if err != nil {
		if err := unix.Unlinkat(directory, name, 0); err != nil {
			return fmt.Errorf("replace /etc/%s: %w", name, err)
		}
		if descriptor, err = unix.Openat(directory, name, flags|unix.O_EXCL, 0o644); err != nil {
			return fmt.Errorf("write /etc/%s: %w", name, err)
		}
		status.Size = 0
	}
	defer unix.Close(descriptor)
	if _, err := unix.Write(descriptor, []byte(text)); err != nil {
		return fmt.Errorf("write /etc/%s: %w", name, err)
	}
	if status.Size <= int64(len(text)) {
		return nil
	}
	if err := unix.Ftruncate(descriptor, int64(len(text))); err != nil {
		return fmt.Errorf("cut /etc/%s: %w", name, err)
	}
	return nil
}
