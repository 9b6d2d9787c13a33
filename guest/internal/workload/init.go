package workload

import (
	"errors"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

// InitArgument starts PID 1 of the workload's namespaces.
const InitArgument = "workload-init"

// initName is how processes in there see it.
const initName = "pyro-workload"

// readyDescriptor is where it says that its world stands.
const readyDescriptor = 3

// RunInit is PID 1 in there. Its namespaces live as long as it does, so nothing
// in them may end it: KILL never reaches a namespace's first process from
// inside, and every other signal is taken and dropped.
func RunInit() int {
	if os.Getpid() != 1 {
		console.Say("%s is not for use by hand", InitArgument)
		return 2
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	if err := stageMounts(); err != nil {
		console.Say("fatal: workload: %v", err)
		return 1
	}
	dropConsole()
	ready := os.NewFile(readyDescriptor, "ready")
	_, _ = ready.Write([]byte{1})
	ready.Close()
	reap()
	for received := range signals {
		if received == unix.SIGCHLD {
			reap()
		}
	}
	return 0
}

// dropConsole keeps the machine's console out of the workload's reach.
func dropConsole() {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	for descriptor := range 3 {
		_ = unix.Dup2(null, descriptor)
	}
	_ = unix.Close(null)
}

// reap collects every orphan that has ended; one signal may stand for many.
func reap() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if pid > 0 || errors.Is(err, unix.EINTR) {
			continue
		}
		return
	}
}
