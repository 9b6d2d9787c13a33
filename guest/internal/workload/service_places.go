package workload

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Root answers a descriptor of the root that commands have. Whoever looks at files by it is not on the
// thread that starts commands: a file system that a command mounted may let him wait for ever.
func (w *Workload) Root() (int, error) {
	starter, err := w.current()
	if err != nil {
		return -1, err
	}
	var descriptor int
	starter.Thread.Do(func() { descriptor, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return -1, fmt.Errorf("open the root: %w", err)
	}
	return descriptor, nil
}

// ServiceLogs answers descriptors of the directories for the logs of services, beside everything that
// commands see of the disk: the one on the disk, and behind it the one in memory where there is one.
func (w *Workload) ServiceLogs() ([]int, error) { return w.logs.directories() }

// logsInMemoryBytes bounds the logs of all services together that may hold secrets.
const logsInMemoryBytes = 32 << 20

// serviceLogs holds the file systems that logs are on: the disk, and from the first secret on memory
// as well. What a service writes from then on may hold one, and a secret is on no disk.
type serviceLogs struct {
	mutex sync.Mutex
	// roots are none while the workspace is not open.
	roots []int
}

func (l *serviceLogs) open(disk *dataDisk) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	descriptor, err := disk.again()
	if err == nil {
		l.roots = []int{descriptor}
	}
	return err
}

func (l *serviceLogs) close() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, root := range l.roots {
		_ = unix.Close(root)
	}
	l.roots = nil
}

// addMemory does so once.
func (l *serviceLogs) addMemory() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.roots) != 1 {
		return nil
	}
	made, err := newMemoryFileSystem(logsInMemoryBytes)
	if err != nil {
		return fmt.Errorf("make a file system for logs: %w", err)
	}
	defer unix.Close(made)
	root, err := unix.Openat(made, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the place for logs: %w", err)
	}
	l.roots = append(l.roots, root)
	return nil
}

func (l *serviceLogs) directories() (directories []int, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.roots) == 0 {
		return nil, errors.New("the workspace is not open")
	}
	newest := len(l.roots) - 1
	if err := unix.Mkdirat(l.roots[newest], servicesName, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("make the place for logs: %w", err)
	}
	for i, root := range l.roots {
		const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
		directory, err := unix.Openat(root, servicesName, flags, 0)
		if i != newest && errors.Is(err, unix.ENOENT) {
			// No service wrote to the disk.
			continue
		}
		if err != nil {
			for _, opened := range directories {
				_ = unix.Close(opened)
			}
			return nil, fmt.Errorf("open the place for logs: %w", err)
		}
		directories = append(directories, directory)
	}
	return directories, nil
}
