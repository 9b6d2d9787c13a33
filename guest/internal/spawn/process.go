package spawn

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// Process is a started command.
type Process struct {
	// PID as the agent sees it.
	PID int
	// InnerPID as the process sees itself.
	InnerPID int
	// Terminal is the command's, nil for one that has files; whoever started the command closes it.
	Terminal *Terminal
	pidfd    *os.File
	// handle is the number of pidfd.
	handle int
}

// Exit is how a command ended: by a code, or by a signal.
type Exit struct {
	Code   int
	Signal string
}

func newProcess(pid, pidfd int) (*Process, *NotStarted) {
	// Marked so, the runtime's poller takes it: waiting costs no thread.
	if pidfd < 0 || unix.SetNonblock(pidfd, true) != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		return nil, notStarted(protocol.StartFailed, "the system gives no handle of process %d", pid)
	}
	return &Process{PID: pid, handle: pidfd, pidfd: os.NewFile(uintptr(pidfd), "process")}, nil
}

// Wait returns once the command has ended.
func (p *Process) Wait() (Exit, error) {
	defer p.pidfd.Close()
	raw, err := p.pidfd.SyscallConn()
	if err != nil {
		return Exit{}, err
	}
	var status syscall.WaitStatus
	var waitErr error
	err = raw.Read(func(uintptr) bool {
		var pid int
		pid, waitErr = syscall.Wait4(p.PID, &status, syscall.WNOHANG, nil)
		return waitErr != nil || pid == p.PID
	})
	if err = errors.Join(err, waitErr); err != nil {
		return Exit{}, err
	}
	if status.Signaled() {
		return Exit{Signal: signalName(status.Signal())}, nil
	}
	return Exit{Code: status.ExitStatus()}, nil
}
