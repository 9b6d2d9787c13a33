package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stopGrace = 2 * time.Second
	killedMax = 5 * time.Second
)

// Stop ends every command and the namespaces, and with them the root's mounts.
func (w *Workload) Stop() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.stopped = true
	w.sweeper.stop()
	stopAll()
	if w.tree != nil {
		w.tree.End()
	}
	w.logs.close()
	w.endNamespaces()
}

// stopAll ends all commands' processes, also those of commands long ended.
func stopAll() {
	events, err := unix.Open(workloadCgroup+"/cgroup.events", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(events)
	all := &group{path: workloadCgroup, events: events}
	if !all.isPopulated() {
		return
	}
	directories, _ := filepath.Glob(workloadCgroup + "/command-*")
	for _, directory := range directories {
		(&group{path: directory}).Terminate()
	}
	if !all.AwaitEmpty(stopGrace) {
		all.Kill()
		all.AwaitEmpty(killedMax)
	}
}

// EndEarlier ends what an agent that died left: its commands have lost whoever
// listened to them, and their world is built again. Two worlds on one disk would
// write over each other. In a machine's first agent there is nothing to end.
func EndEarlier() {
	_ = writeCgroup(workloadCgroup+"/cgroup.kill", "1")
	for _, pid := range (&group{path: agentCgroup}).pids() {
		if pid != os.Getpid() {
			endProcess(pid)
		}
	}
	directories, _ := filepath.Glob(workloadCgroup + "/command-*")
	for _, directory := range directories {
		_ = unix.Rmdir(directory)
	}
}

func endProcess(pid int) {
	handle, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(handle)
	_ = unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0)
	waiting := []unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}
	_, _ = unix.Poll(waiting, int(killedMax/time.Millisecond))
}

// CleanDisk makes the data disk read-only once nothing uses it. The workload's
// own mounts may still be on their way out; they are the same file system.
func (w *Workload) CleanDisk(disk string) error {
	if disk == "" || w.request == nil {
		return nil
	}
	if err := unix.Mount(disk, dataDirectory, "ext4", unix.MS_NOATIME, dataOptions); err != nil {
		return fmt.Errorf("reach the data disk: %w", err)
	}
	if err := unix.Mount("", dataDirectory, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("close the data disk: %w", err)
	}
	return nil
}
