package command

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// heldPipesMax bounds what processes that hoard the outputs of commands cost the agent.
	heldPipesMax = 1024
	// discardPause keeps a process that never stops writing from keeping the agent busy.
	discardPause = 10 * time.Millisecond
)

var (
	heldPipes atomic.Int32
	// null is open for as long as the agent lives.
	null = sync.OnceValue(func() int {
		descriptor, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1
		}
		return descriptor
	})
)

// keepOpen keeps the pipe of processes that outlive their command from being
// closed, which would end a server with its next line of log, until the last of
// them lets go. Each of these pipes costs the agent little, but not nothing.
func keepOpen(carry func()) {
	if heldPipes.Add(1) <= heldPipesMax {
		carry()
	}
	heldPipes.Add(-1)
}

// discard drops what comes.
func discard(pipe *os.File) {
	_ = pipe.SetReadDeadline(time.Time{})
	for isOpen := true; isOpen; {
		if _, isOpen = dropOnce(pipe); isOpen {
			time.Sleep(discardPause)
		}
	}
}

// dropOnce waits for bytes and moves them away without copying; not open at the end.
func dropOnce(pipe *os.File) (moved int64, isOpen bool) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0, false
	}
	var moveErr error
	err = raw.Read(func(descriptor uintptr) bool {
		moved, moveErr = unix.Splice(int(descriptor), nil, null(), nil, widePipeBytes, unix.SPLICE_F_NONBLOCK)
		return !errors.Is(moveErr, unix.EAGAIN)
	})
	moved = max(moved, 0)
	return moved, err == nil && (moved > 0 || errors.Is(moveErr, unix.EINTR))
}
