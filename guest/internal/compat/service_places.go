package compat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// logsPrefix and the root's inode number name where the logs of its services are, beside it.
const logsPrefix = ".services-"

// Root is the host's own.
func Root() (int, error) {
	return unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// ServiceLogs answers what opens the directory for the logs of services.
func ServiceLogs(root string) func() ([]int, error) {
	return func() ([]int, error) {
		var status unix.Stat_t
		if err := unix.Stat(root, &status); err != nil {
			return nil, fmt.Errorf("look at the root: %w", err)
		}
		path := filepath.Join(filepath.Dir(filepath.Clean(root)), logsPrefix+strconv.FormatUint(status.Ino, 10))
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("make the place for logs: %w", err)
		}
		directory, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open the place for logs: %w", err)
		}
		return []int{directory}, nil
	}
}
