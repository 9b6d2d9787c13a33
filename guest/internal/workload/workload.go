// Package workload is the wall between the agent and the commands it runs:
// namespaces of their own, a root of their own, control groups with limits.
package workload

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/spawn"
	"pyro.dev/guest/internal/tree"
)

// endingMax is how long the first process may take to end once it is on its way.
const endingMax = time.Second

// Workload is where a machine's commands run.
type Workload struct {
	groups groups

	mutex sync.Mutex
	// starter is nil while there are no namespaces.
	starter *spawn.Starter
	initPID int
	// initHandle tells when the namespaces' first process ended.
	initHandle int
	// request is kept to build the world again, should its first process end.
	request *protocol.ActivateRequest
	disk    string
	stopped bool
	// hosts is the root's hosts file, nil where that is not ours.
	hosts *hostsFile
	// data is open while the first root is being built.
	data *dataDisk
	// tree is the workspace's, nil before activation.
	tree    *tree.Tree
	sweeper *sweeper
	logs    serviceLogs
	secrets heldSecrets
	// trusted is what programs were last made to trust; nil for nothing.
	trusted *protocol.TrustRequest
}

// Prepare starts the namespaces and mounts all that needs no data disk.
func (w *Workload) Prepare() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.startNamespaces()
}

// Activate makes the root and opens the workload for commands.
func (w *Workload) Activate(disk string, request *protocol.ActivateRequest) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	memoryMax, err := limitWorkload(request)
	if err != nil {
		return err
	}
	if err := w.groups.begin(memoryMax); err != nil {
		return err
	}
	w.disk, w.request = disk, request
	return w.enterRoot()
}

// Rename gives the root of an activated workload other names.
func (w *Workload) Rename(identity *protocol.Identity) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.starter == nil {
		return errors.New("the workload has no root at the moment")
	}
	w.request.Identity = *identity
	var err error
	w.starter.Thread.Do(func() { err = rename(identity, w.hosts) })
	return err
}

// WithRequest shows what the workload was activated with, as renewed since.
func (w *Workload) WithRequest(use func(*protocol.ActivateRequest)) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	use(w.request)
}

// startNamespaces is called with the mutex held.
func (w *Workload) startNamespaces() error {
	var pid int
	err := inCgroupNamespace(func() (err error) {
		pid, err = startInit()
		return err
	})
	if err != nil {
		return err
	}
	thread, err := spawn.NewThread(spawn.Namespaces(pid))
	if err != nil {
		return err
	}
	handle, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("open the workload's first process: %w", err)
	}
	w.initPID, w.initHandle = pid, handle
	w.starter = &spawn.Starter{Thread: thread}
	return nil
}

// enterRoot is called with the mutex held.
func (w *Workload) enterRoot() error {
	if w.starter == nil {
		if err := w.startNamespaces(); err != nil {
			return err
		}
	}
	var err error
	w.starter.Thread.Do(func() { w.hosts, err = buildRoot(w.disk, w.request, w.openDisk) })
	if err == nil && len(w.secrets.values) > 0 {
		err = w.placeSecrets(nil)
	}
	if err == nil && w.trusted != nil {
		w.starter.Thread.Do(func() { _, _, err = trust(w.trusted) })
	}
	if err != nil || w.tree != nil {
		return err
	}
	// Done once: a world that is built again keeps what has changed since.
	w.request.DiscardRoot = false
	if err = w.logs.open(w.data); err != nil {
		return err
	}
	if w.tree, err = w.data.workspace(); err == nil {
		w.sweeper = w.data.sweep()
		w.data = nil
	}
	return err
}

// openDisk prepares the data disk that was just mounted for the first time.
func (w *Workload) openDisk() (err error) {
	if w.tree != nil {
		return nil
	}
	if w.data, err = openDataDisk(); err != nil {
		return err
	}
	return w.data.tidy(w.request.DiscardRoot)
}

// Tree answers the workspace's tree; Release is due afterwards.
func (w *Workload) Tree() (*tree.Tree, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.tree == nil || !w.tree.Acquire() {
		return nil, errors.New("the workspace is not open")
	}
	return w.tree, nil
}

// NewGroup lends a control group to one command.
func (w *Workload) NewGroup(label string) (command.Group, error) {
	return w.groups.take(label)
}

// Owner tells whose a control group is, by the number the kernel has for it, and which processes are in it.
func (w *Workload) Owner(number uint64) (label string, processes []int) {
	found := w.groups.numbered(number)
	if found == nil {
		return "", nil
	}
	return found.label, found.pids()
}

// Start starts one command in the workload.
func (w *Workload) Start(wanted *spawn.Command, in command.Group) (*spawn.Process, *spawn.NotStarted) {
	wanted.Cgroup = in.(*group).directory
	process, refusal := w.startOnce(wanted)
	if refusal != nil && refusal.MayBeNamespace && w.awaitEnd() {
		return w.startOnce(wanted)
	}
	return process, refusal
}

func (w *Workload) startOnce(wanted *spawn.Command) (*spawn.Process, *spawn.NotStarted) {
	starter, err := w.current()
	if err != nil {
		return nil, &spawn.NotStarted{Reason: protocol.StartFailed, Message: err.Error()}
	}
	return starter.Start(wanted)
}

// awaitEnd gives a first process that is ending the time to do so.
func (w *Workload) awaitEnd() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.starter == nil || w.hasEnded(endingMax)
}

// current answers the starter, after building the world again where its first
// process ended: root in there can reboot its namespace, and ends only that.
func (w *Workload) current() (*spawn.Starter, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.stopped {
		return nil, fmt.Errorf("the workspace is stopping")
	}
	if w.starter != nil && !w.hasEnded(0) {
		return w.starter, nil
	}
	console.Say("the workload's first process ended, starting it again")
	w.endNamespaces()
	if err := w.enterRoot(); err != nil {
		w.endNamespaces()
		return nil, fmt.Errorf("build the workload again: %w", err)
	}
	return w.starter, nil
}

// hasEnded asks the process handle: it becomes readable with the process's end.
func (w *Workload) hasEnded(within time.Duration) bool {
	waiting := []unix.PollFd{{Fd: int32(w.initHandle), Events: unix.POLLIN}}
	n, err := unix.Poll(waiting, int(within/time.Millisecond))
	return err == nil && n > 0
}

// endNamespaces lets go of everything that keeps them.
func (w *Workload) endNamespaces() {
	if w.starter == nil {
		return
	}
	_ = unix.Kill(w.initPID, unix.SIGKILL)
	_, _ = unix.Wait4(w.initPID, nil, 0, nil)
	_ = unix.Close(w.initHandle)
	w.secrets.forgetPlace()
	// Last: whoever lets go last waits for the unmounting.
	w.starter.Thread.End()
	w.starter = nil
}

func startInit() (int, error) {
	ready, theirs, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer ready.Close()
	pid, err := syscall.ForkExec("/proc/self/exe", []string{initName, InitArgument}, &syscall.ProcAttr{
		Dir:   "/",
		Files: []uintptr{0, 1, 2, theirs.Fd()},
		Sys:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC, Setsid: true},
	})
	theirs.Close()
	if err != nil {
		return 0, fmt.Errorf("start the workload's first process: %w", err)
	}
	_ = ready.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil)
		return 0, fmt.Errorf("the workload's first process did not get ready: %w", err)
	}
	return pid, nil
}
