package workload

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	bundleBytesMax  = 8 << 20
	bundleModeMax   = 0o644
	createdModeBits = 0o755
)

// present answers those of the files that are there, by the names that links lead to, each once.
func present(paths []string) []string {
	var found []string
	for _, path := range paths {
		real, err := filepath.EvalSymlinks(path)
		if err != nil || slices.Contains(found, real) {
			continue
		}
		if status, err := os.Lstat(real); err == nil && status.Mode().IsRegular() {
			found = append(found, real)
		}
	}
	return found
}

// readRegular reads a file that whoever is root in there may have made anything of.
func readRegular(path string) ([]byte, error) {
	descriptor, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(descriptor), path)
	defer file.Close()
	status, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !status.Mode().IsRegular() || status.Size() > bundleBytesMax {
		return nil, protocol.Fail(protocol.CodeUnsupported, "%s is no list of certificates", path)
	}
	content := make([]byte, status.Size())
	_, err = file.ReadAt(content, 0)
	return content, err
}

// change replaces what a file says, where that is to be something else.
func change(path string, to func([]byte) ([]byte, error)) error {
	content, err := readRegular(path)
	if err != nil {
		return err
	}
	changed, err := to(content)
	if err != nil || bytes.Equal(content, changed) {
		return err
	}
	return replace(path, changed)
}

// replace leaves a reader the old file or the new one.
func replace(path string, content []byte) error {
	directory := filepath.Dir(path)
	if err := os.MkdirAll(directory, createdModeBits); err != nil {
		return err
	}
	file, err := os.CreateTemp(directory, "."+trustName+"-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Chmod(bundleModeMax)
	}
	_ = file.Close()
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
