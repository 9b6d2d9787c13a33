package workload

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/identity"
	"pyro.dev/guest/internal/protocol"
)

const (
	secretsPlace = "run/pyro-secrets"
	// secretsSizeBytes has a page more than is needed for each file.
	secretsSizeBytes = 1 << 20
)

// heldSecrets are files in memory that commands read. The agent keeps their values for as long as the
// machine has them, because a world that is built again has lost its files.
type heldSecrets struct {
	values []protocol.Secret
	// directory is the root of their file system, while that is mounted.
	directory int
	isMounted bool
}

// HoldSecrets makes these the secrets that commands can read, and no others. Before anybody can read the
// first, moveLogs is called, once there is a place in memory for what services write from then on.
func (w *Workload) HoldSecrets(values []protocol.Secret, moveLogs func() error) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.starter == nil || w.tree == nil {
		return protocol.Fail(protocol.CodeNotActivated, "the workspace is not open")
	}
	before := w.secrets.values
	w.secrets.values = values
	if len(values) == 0 && !w.secrets.isMounted {
		return nil
	}
	if err := w.logs.addMemory(); err != nil {
		return err
	}
	if err := moveLogs(); err != nil {
		return err
	}
	return w.placeSecrets(before)
}

// placeSecrets is called with the mutex held; before are those whose files may be there.
func (w *Workload) placeSecrets(before []protocol.Secret) (err error) {
	keepFromCoreDumps()
	w.starter.Thread.Do(func() {
		if !w.secrets.isInPlace() {
			err = w.secrets.mount()
		}
		if err == nil {
			err = w.secrets.write(secretsOwner(w.request.DefaultUser), before)
		}
	})
	return err
}

// forgetPlace is called when the namespaces that the files were mounted in end.
func (s *heldSecrets) forgetPlace() {
	if s.isMounted {
		_ = unix.Close(s.directory)
		s.isMounted = false
	}
}

// keepFromCoreDumps lets no file be written of what a process has in memory, its environment among it:
// the kernel writes to plain files only.
func keepFromCoreDumps() {
	if err := os.WriteFile("/proc/sys/kernel/core_pattern", []byte("/dev/null"), 0); err != nil {
		console.Say("core dumps stay: %v", err)
	}
}

// secretsOwner runs on a thread in the root.
func secretsOwner(user string) identity.Identity {
	who, err := identity.Resolve(user, identity.ReadFile("/etc/passwd"), identity.ReadFile("/etc/group"))
	if err != nil {
		// Each command says so itself.
		return identity.Root()
	}
	return who
}

// isInPlace tells whether commands still find the files that the agent writes: root may have unmounted or covered them.
func (s *heldSecrets) isInPlace() bool {
	var ours, found unix.Stat_t
	return s.isMounted &&
		unix.Fstat(s.directory, &ours) == nil &&
		unix.Stat("/"+secretsPlace, &found) == nil &&
		ours.Dev == found.Dev && ours.Ino == found.Ino
}

// mount runs on a thread in the root.
func (s *heldSecrets) mount() error {
	s.forgetPlace()
	made, err := newMemoryFileSystem(secretsSizeBytes)
	if err != nil {
		return fmt.Errorf("make a file system for secrets: %w", err)
	}
	defer unix.Close(made)
	root, err := openRoot("/")
	if err != nil {
		return err
	}
	defer root.close()
	if err := root.attach("", secretsPlace, made); err != nil {
		return err
	}
	directory, err := unix.Openat(made, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the place for secrets: %w", err)
	}
	s.directory, s.isMounted = directory, true
	return nil
}

// newMemoryFileSystem is nowhere yet, and is never swapped out where the kernel can promise that.
func newMemoryFileSystem(sizeBytes int) (int, error) {
	context, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(context)
	_ = unix.FsconfigSetFlag(context, "noswap")
	if err := unix.FsconfigSetString(context, "mode", "0500"); err != nil {
		return -1, err
	}
	if err := unix.FsconfigSetString(context, "size", strconv.Itoa(sizeBytes)); err != nil {
		return -1, err
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, err
	}
	return unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

// write leaves a reader the old file or the new one, and never half of it.
func (s *heldSecrets) write(owner identity.Identity, before []protocol.Secret) error {
	wanted := make(map[string]bool, len(s.values))
	for _, secret := range s.values {
		wanted[secret.Name] = true
		if err := s.writeFile(secret, owner); err != nil {
			return fmt.Errorf("place the secret %s: %w", secret.Name, err)
		}
	}
	for _, secret := range before {
		if wanted[secret.Name] {
			continue
		}
		if err := unix.Unlinkat(s.directory, secret.Name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove the secret %s: %w", secret.Name, err)
		}
	}
	if err := unix.Fchown(s.directory, int(owner.UID), int(owner.GID)); err != nil {
		return err
	}
	return unix.Fchmod(s.directory, 0o500)
}

func (s *heldSecrets) writeFile(secret protocol.Secret, owner identity.Identity) error {
	unfinished := "." + rand.Text()
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	descriptor, err := unix.Openat(s.directory, unfinished, flags, 0o400)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(descriptor), secret.Name)
	_, err = file.WriteString(string(secret.Value))
	if err == nil {
		err = unix.Fchown(descriptor, int(owner.UID), int(owner.GID))
	}
	_ = file.Close()
	if err == nil {
		err = unix.Renameat(s.directory, unfinished, s.directory, secret.Name)
	}
	if err != nil {
		_ = unix.Unlinkat(s.directory, unfinished, 0)
	}
	return err
}
