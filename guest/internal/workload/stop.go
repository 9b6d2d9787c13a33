package workload

import (
	"fmt"
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
	stopAll()
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
