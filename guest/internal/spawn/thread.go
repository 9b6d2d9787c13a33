// Package spawn starts commands. One operating system thread lives where
// commands run, inside the workload's namespaces; everything that must see a
// command's world (its passwd file, its PATH, its directory) happens there.
package spawn

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/pace"
)

// commandSlack is how late the kernel may wake a command that sleeps, in nanoseconds: the default of every system.
const commandSlack = 50_000

// Thread runs one piece of work at a time in its own world.
type Thread struct {
	work chan func()
	// home is the mount namespace the thread came from; -1 where there is no way back.
	home int
}

// NewThread starts a thread and lets enter take it where it belongs. The thread
// is never given back to the runtime: no other goroutine may find itself there.
func NewThread(enter func() error) (*Thread, error) {
	thread := &Thread{work: make(chan func()), home: -1}
	entered := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		// The working directory and root become this thread's own.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			entered <- fmt.Errorf("unshare the working directory: %w", err)
			return
		}
		if home, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			thread.home = home
		}
		if err := enter(); err != nil {
			entered <- err
			return
		}
		entered <- nil
		for work := range thread.work {
			work()
		}
	}()
	return thread, <-entered
}

// Do runs work on the thread and waits for it.
func (t *Thread) Do(work func()) {
	done := make(chan struct{})
	t.work <- func() {
		defer close(done)
		work()
	}
	<-done
}

// End lets the thread go. Its hold on the namespaces ends before this returns:
// a thread's own end would be noticed by nobody, and keep disks mounted meanwhile.
func (t *Thread) End() {
	t.Do(func() {
		if t.home >= 0 {
			_ = unix.Setns(t.home, unix.CLONE_NEWNS)
			_ = unix.Close(t.home)
		}
	})
	close(t.work)
}

// Namespaces answers an enter function that joins those of a process.
func Namespaces(pid int) func() error {
	return func() error {
		process, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return fmt.Errorf("open process %d: %w", pid, err)
		}
		defer unix.Close(process)
		beOrdinary()
		if err := unix.Setns(process, unix.CLONE_NEWNS|unix.CLONE_NEWPID|unix.CLONE_NEWIPC|unix.CLONE_NEWCGROUP); err != nil {
			return fmt.Errorf("join the namespaces of process %d: %w", pid, err)
		}
		return unix.Chdir("/")
	}
}

// beOrdinary gives this thread, and every program that it starts, back what a machine's agent does without: being woken
// on time, and before others.
func beOrdinary() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, commandSlack, 0, 0, 0)
	pace.Exempt()
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0)
}

// Nowhere is the enter function of a thread that stays in the host's world.
func Nowhere() error { return nil }
