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

// ServiceLogs answers a descriptor of the directory for the logs of services, beside
// everything that commands see of the disk. It is made when it is first needed.
func (w *Workload) ServiceLogs() (int, error) { return w.logs.directory() }

// logsInMemoryBytes bounds the logs of all services together that may hold secrets.
const logsInMemoryBytes = 32 << 20

// serviceLogs holds the disk that logs are on. From the first secret on they are in memory:
// what a service writes may hold one, and a secret is on no disk.
type serviceLogs struct {
	mutex      sync.Mutex
	disk       int
	isOpen     bool
	isInMemory bool
}

func (l *serviceLogs) open(disk *dataDisk) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	descriptor, err := disk.again()
	l.disk, l.isOpen, l.isInMemory = descriptor, err == nil, false
	return err
}

func (l *serviceLogs) close() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.isOpen {
		_ = unix.Close(l.disk)
		l.isOpen = false
	}
}

// moveToMemory does so for logs that are begun from now on.
func (l *serviceLogs) moveToMemory() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if !l.isOpen || l.isInMemory {
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
	_ = unix.Close(l.disk)
	l.disk, l.isInMemory = root, true
	return nil
}

func (l *serviceLogs) directory() (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if !l.isOpen {
		return -1, errors.New("the workspace is not open")
	}
	if err := unix.Mkdirat(l.disk, servicesName, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return -1, fmt.Errorf("make the place for logs: %w", err)
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	directory, err := unix.Openat(l.disk, servicesName, flags, 0)
	if err != nil {
		return -1, fmt.Errorf("open the place for logs: %w", err)
	}
	return directory, nil
}
