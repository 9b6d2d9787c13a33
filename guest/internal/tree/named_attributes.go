package tree

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// namedAttributes reads attributes of files that are not opened, which is most of
// what a scan costs. The kernel has no such call relative to a directory, so the
// calling thread's working directory goes where the names are.
type namedAttributes struct {
	// directory is where the thread is, -1 where that is not known.
	directory int
	isReady   bool
}

// onOwnThread runs work on a thread whose working directory is its own, and
// which ends with the work.
func onOwnThread(work func(*namedAttributes) error) error {
	ended := make(chan error, 1)
	go func() {
		// Never unlocked: nobody else may find a working directory that is not the process's.
		runtime.LockOSThread()
		names := &namedAttributes{directory: -1, isReady: unix.Unshare(unix.CLONE_FS) == nil}
		ended <- work(names)
	}()
	return <-ended
}

// enter is due before names of a directory are used; without success they must not be.
func (n *namedAttributes) enter(directory int) bool {
	if n == nil || !n.isReady {
		return false
	}
	if n.directory == directory {
		return true
	}
	if unix.Fchdir(directory) != nil {
		n.directory = -1
		return false
	}
	n.directory = directory
	return true
}

// forget is due when a descriptor's number may come to mean another directory.
func (n *namedAttributes) forget() {
	if n != nil {
		n.directory = -1
	}
}
