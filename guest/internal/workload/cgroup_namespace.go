package workload

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// cgroupNamespace is the workload's own view of the control groups, with its group
// as the root. The mount keeps it, also beyond the agent that made it.
const cgroupNamespace = "/run/cgroup-namespace"

// makeCgroupNamespace is for an agent that may still enter the workload's group: a
// namespace has its maker's group as its root, and a group that hands controllers
// down takes no processes any more.
func makeCgroupNamespace() error {
	var status unix.Statfs_t
	if err := unix.Statfs(cgroupNamespace, &status); err == nil && status.Type == unix.NSFS_MAGIC {
		return nil
	}
	if err := os.WriteFile(cgroupNamespace, nil, 0o600); err != nil {
		return err
	}
	if err := writeCgroup(workloadCgroup+"/cgroup.procs", strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
			return fmt.Errorf("unshare the control groups: %w", err)
		}
		if err := unix.Mount("/proc/thread-self/ns/cgroup", cgroupNamespace, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("keep the view of the control groups: %w", err)
		}
		return nil
	})
}

// inCgroupNamespace does what makes processes that are to see the workload's view.
func inCgroupNamespace(do func() error) error {
	namespace, err := unix.Open(cgroupNamespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the view of the control groups: %w", err)
	}
	defer unix.Close(namespace)
	return onThread(func() error {
		if err := unix.Setns(namespace, unix.CLONE_NEWCGROUP); err != nil {
			return fmt.Errorf("enter the view of the control groups: %w", err)
		}
		return do()
	})
}

// onThread does something on a thread that ends with it, since no other goroutine may find itself there.
func onThread(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- do()
	}()
	return <-done
}
