package spawn

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// TerminalSize is in characters.
type TerminalSize struct{ Columns, Rows int }

// Terminal is a pseudo-terminal with a command on its other side.
type Terminal struct {
	// File reads what the command wrote, and writes what it will read.
	File *os.File
	// other keeps reads from failing while the command itself has closed its side.
	other int
}

const (
	// As makedev counts them.
	multiplexerMajor, multiplexerMinor = 5, 2
	terminalPath                       = "/dev/ptmx"
)

// openTerminal opens one in the world of the calling thread, with the rights of
// the user, whose terminal it becomes.
func openTerminal(size TerminalSize) (*Terminal, error) {
	// What is at that path may be anything: nothing is waited for.
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	descriptor, err := unix.Open(terminalPath, flags|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: terminalPath, Err: err}
	}
	if err := checkMultiplexer(descriptor); err != nil {
		_ = unix.Close(descriptor)
		return nil, err
	}
	other, err := openOtherSide(descriptor, flags)
	if err != nil {
		_ = unix.Close(descriptor)
		return nil, fmt.Errorf("open the other side of a terminal: %w", err)
	}
	opened := &Terminal{File: os.NewFile(uintptr(descriptor), "terminal"), other: other}
	if err := errors.Join(takeUTF8(other), opened.Resize(size)); err != nil {
		opened.Close()
		return nil, err
	}
	return opened, nil
}

func checkMultiplexer(descriptor int) error {
	var status unix.Stat_t
	if err := unix.Fstat(descriptor, &status); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if status.Mode&unix.S_IFMT != unix.S_IFCHR || status.Rdev != unix.Mkdev(multiplexerMajor, multiplexerMinor) {
		return fmt.Errorf("%s does not make terminals: it was replaced", terminalPath)
	}
	return nil
}

// openOtherSide names no path: whatever the command's world has at /dev/pts is passed by.
func openOtherSide(descriptor, flags int) (int, error) {
	if err := unix.IoctlSetPointerInt(descriptor, unix.TIOCSPTLCK, 0); err != nil {
		return -1, err
	}
	other, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(descriptor), unix.TIOCGPTPEER, uintptr(flags))
	if errno != 0 {
		return -1, errno
	}
	return int(other), nil
}

// takeUTF8 lets the line editor of the kernel erase whole characters.
func takeUTF8(descriptor int) error {
	settings, err := unix.IoctlGetTermios(descriptor, unix.TCGETS)
	if err != nil {
		return os.NewSyscallError("tcgetattr", err)
	}
	settings.Iflag |= unix.IUTF8
	return os.NewSyscallError("tcsetattr", unix.IoctlSetTermios(descriptor, unix.TCSETS, settings))
}

// Resize tells the command's foreground processes as well.
func (t *Terminal) Resize(size TerminalSize) error {
	return t.control(func(descriptor int) error {
		wanted := &unix.Winsize{Col: uint16(size.Columns), Row: uint16(size.Rows)}
		return os.NewSyscallError("set the size", unix.IoctlSetWinsize(descriptor, unix.TIOCSWINSZ, wanted))
	})
}

// IsCanonical tells whether the kernel edits lines for whoever reads, so that
// what is written would be typed in. Unknown is yes.
func (t *Terminal) IsCanonical() bool {
	canonical := true
	_ = t.control(func(descriptor int) error {
		settings, err := unix.IoctlGetTermios(descriptor, unix.TCGETS)
		canonical = err != nil || settings.Lflag&unix.ICANON != 0
		return nil
	})
	return canonical
}

// WriteNow writes what is taken at once, and drops the rest.
func (t *Terminal) WriteNow(bytes []byte) {
	_ = t.control(func(descriptor int) error {
		_, _ = unix.Write(descriptor, bytes)
		return nil
	})
}

// ReadNow reads what is there; 0 when nothing is.
func (t *Terminal) ReadNow(into []byte) int {
	n := 0
	_ = t.control(func(descriptor int) error {
		n, _ = unix.Read(descriptor, into)
		return nil
	})
	return max(n, 0)
}

// Signal goes to the processes in the foreground, as a key would send it; ESRCH where there are none.
func (t *Terminal) Signal(signal unix.Signal) error {
	return t.control(func(descriptor int) error {
		group, err := unix.IoctlGetInt(descriptor, unix.TIOCGPGRP)
		if err != nil || group <= 1 {
			return unix.ESRCH
		}
		return unix.Kill(-group, signal)
	})
}

// Close hangs up: the session's leader and the foreground are told.
func (t *Terminal) Close() {
	_ = unix.Close(t.other)
	_ = t.File.Close()
}

// control fails with os.ErrClosed after Close.
func (t *Terminal) control(do func(descriptor int) error) error {
	raw, err := t.File.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if raw.Control(func(descriptor uintptr) { result = do(int(descriptor)) }) != nil {
		return os.ErrClosed
	}
	return result
}

func explainTerminal(err error) *NotStarted {
	if errors.Is(err, unix.ENOSPC) {
		return notStarted(protocol.ProcessLimit, "no more terminals may be opened: %v", err)
	}
	return notStarted(protocol.StartFailed, "no terminal: %v", err)
}
