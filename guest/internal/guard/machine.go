package guard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// machine is the process that was started; its exit status comes once it has ended.
type machine struct {
	process *os.Process
	ended   chan int
}

// start leaves every descriptor that we inherited to the machine.
func (o *options) start() (*machine, error) {
	path, err := exec.LookPath(o.command[0])
	if err != nil {
		return nil, fmt.Errorf("failed to run %s: No such file or directory", o.command[0])
	}
	attributes := &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
	if o.uid >= 0 && o.gid >= 0 {
		attributes.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	directory := ""
	if o.root != "" {
		// Where we stand is none of its business.
		directory = "/"
	}
	process, err := os.StartProcess(path, o.command, &os.ProcAttr{
		Dir:   directory,
		Env:   os.Environ(),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   attributes,
	})
	if err != nil {
		return nil, err
	}
	m := &machine{process: process, ended: make(chan int, 1)}
	go func() {
		state, err := process.Wait()
		if err != nil {
			m.ended <- 1
			return
		}
		m.ended <- exitStatus(state)
	}()
	return m, nil
}

// exitStatus is the shells' where a signal ended it.
func exitStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

func (m *machine) signal(which syscall.Signal) {
	if err := m.process.Signal(which); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = m.process.Kill()
	}
}

// end returns once the machine is gone; one that may does so in its own way.
func (m *machine) end() {
	m.signal(unix.SIGTERM)
	select {
	case <-m.ended:
		return
	case <-time.After(endGrace):
	}
	_ = m.process.Kill()
	<-m.ended
}
