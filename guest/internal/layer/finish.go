package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

type mountPoint struct {
	name string
	mode uint32
}

var mountPoints = []mountPoint{
	{"proc", 0o555}, {"sys", 0o555}, {"dev", 0o755}, {"run", 0o755}, {"tmp", 0o1777}, {"workspace", 0o755},
}

// Finish makes the image fit to be an environment, and closes it.
func (b *Builder) Finish() (*protocol.ImageFinished, error) {
	if !b.mutex.TryLock() {
		return nil, protocol.Fail(protocol.CodeConflict, "a layer is being applied")
	}
	defer b.mutex.Unlock()
	if b.finished {
		return nil, protocol.Fail(protocol.CodeConflict, "the image is finished")
	}
	onto, err := openTarget(b.directory)
	if err != nil {
		return nil, err
	}
	defer onto.close()
	if err := onto.prepareRoot(); err != nil {
		return nil, explain("finish", err)
	}
	finished, err := onto.measure()
	if err != nil {
		return nil, err
	}
	onto.close()
	b.finished = true
	if b.unmount == nil {
		return finished, nil
	}
	return finished, b.unmount()
}

func (t *target) prepareRoot() error {
	for _, point := range mountPoints {
		if err := t.makeMountPoint(point); err != nil {
			return fmt.Errorf("mount point /%s: %w", point.name, err)
		}
	}
	// The file system's own; no image knows it, and nothing reads it on a read-only disk.
	if err := unix.Unlinkat(t.root, "lost+found", unix.AT_REMOVEDIR); err != nil && !isAbsence(err) && !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}
	if err := t.emptyMachineID(); err != nil {
		return fmt.Errorf("/etc/machine-id: %w", err)
	}
	return t.removeDanglingResolver()
}

// makeMountPoint keeps a link that leads to a directory in the image.
func (t *target) makeMountPoint(point mountPoint) error {
	descriptor, err := openIn(t.root, point.name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == nil {
		defer unix.Close(descriptor)
		if point.mode&unix.S_ISVTX != 0 {
			return unix.Fchmod(descriptor, point.mode)
		}
		return nil
	}
	remover := &unpacker{target: t}
	if err := remover.remove(t.root, point.name, 0); err != nil {
		return err
	}
	if err := unix.Mkdirat(t.root, point.name, 0o755); err != nil {
		return err
	}
	return unix.Fchmodat(t.root, point.name, point.mode, 0)
}

// emptyMachineID leaves an empty file: the sign for "not yet named".
func (t *target) emptyMachineID() error {
	etc, err := openIn(t.root, "etc", unix.O_RDONLY|unix.O_DIRECTORY)
	if isAbsence(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(etc)
	remover := &unpacker{target: t}
	if err := remover.remove(etc, "machine-id", 0); err != nil {
		return err
	}
	file, err := unix.Openat(etc, "machine-id", unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o444)
	if err != nil {
		return err
	}
	return unix.Close(file)
}

// removeDanglingResolver removes a link that a resolver's daemon would have filled.
func (t *target) removeDanglingResolver() error {
	etc, err := openIn(t.root, "etc", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil
	}
	defer unix.Close(etc)
	var status unix.Stat_t
	err = unix.Fstatat(etc, "resolv.conf", &status, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || status.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil
	}
	resolved, err := openIn(t.root, "etc/resolv.conf", unix.O_PATH)
	if err == nil {
		return unix.Close(resolved)
	}
	return unix.Unlinkat(etc, "resolv.conf", 0)
}

func (t *target) measure() (*protocol.ImageFinished, error) {
	if err := unix.Syncfs(t.root); err != nil {
		return nil, explain("finish", err)
	}
	var usage unix.Statfs_t
	if err := unix.Fstatfs(t.root, &usage); err != nil {
		return nil, explain("finish", err)
	}
	return &protocol.ImageFinished{
		UsedBytes:  int64(usage.Blocks-usage.Bfree) * usage.Bsize,
		EntryCount: int64(usage.Files - usage.Ffree),
		OSRelease:  prettyName(t.read("etc/os-release")),
		ISALevel:   t.isaLevel(),
	}, nil
}

const releaseBytesMax = 64 << 10

// read answers nothing for what is no plain file of reasonable size.
func (t *target) read(name string) []byte {
	descriptor, err := openIn(t.root, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(descriptor), name)
	defer file.Close()
	if status, err := file.Stat(); err != nil || !status.Mode().IsRegular() {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(file, releaseBytesMax))
	if err != nil {
		return nil
	}
	return text
}

const prettyNameBytesMax = 256

// prettyName is nil where the file names none.
func prettyName(release []byte) *string {
	for line := range bytes.Lines(release) {
		value, found := strings.CutPrefix(strings.TrimSpace(string(line)), "PRETTY_NAME=")
		if !found {
			continue
		}
		value = strings.ToValidUTF8(strings.Trim(value, `"'`), "?")
		if value == "" || len(value) > prettyNameBytesMax {
			return nil
		}
		return &value
	}
	return nil
}

func isAbsence(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
}
