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
	// discardedPipesMax bounds what processes that hoard the outputs of commands cost the agent.
	discardedPipesMax = 1024
	// discardPause keeps a process that never stops writing from keeping the agent busy.
	discardPause = 10 * time.Millisecond
)

var (
	discardedPipes atomic.Int32
	// null is open for as long as the agent lives.
	null = sync.OnceValue(func() int {
		descriptor, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1
		}
		return descriptor
	})
)

// discard drops what processes that outlive their command write, until the last
// of them lets go. Closing the pipe instead would end a server with its next
// line of log.
func discard(pipe *os.File) {
	if discardedPipes.Add(1) <= discardedPipesMax {
		_ = pipe.SetReadDeadline(time.Time{})
		for dropOnce(pipe) {
			time.Sleep(discardPause)
		}
	}
	discardedPipes.Add(-1)
}

// dropOnce waits for bytes and moves them away without copying; false at the end.
func dropOnce(pipe *os.File) bool {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return false
	}
	var moved int64
	var moveErr error
	err = raw.Read(func(descriptor uintptr) bool {
		moved, moveErr = unix.Splice(int(descriptor), nil, null(), nil, widePipeBytes, unix.SPLICE_F_NONBLOCK)
		return !errors.Is(moveErr, unix.EAGAIN)
	})
	return err == nil && (moved > 0 || errors.Is(moveErr, unix.EINTR))
}
