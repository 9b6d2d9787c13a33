// Package outputs reads what a program writes to its two outputs, in the order in which it wrote to them.
package outputs

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	// GatherTime lets a program that keeps writing fill its pipes: the agent goes before programs when the processor is
	// scarce, and would otherwise wake for every few bytes.
	GatherTime = time.Millisecond
	// busyReads of one output, or busyTurns of both, that hardly had to be waited for are what keeps the agent busy. Fewer are
	// read as they come: what was written to both outputs stays in order.
	busyReads = 64
	busyTurns = 1024
)

// Reader has both outputs of one program, and an epoll that tells of each once it is written to: however late the agent
// comes, it reads them in that order. Two that wait for one output each would run in any.
type Reader struct {
	poll    *os.File
	outputs map[int32]*Output
	// ready are to be read, that which was written to first before the other.
	ready []*Output
	// turns hardly had to be waited for; the latest reads of them were of the same output.
	turns, reads int
	latest       *Output
}

// Output is one of a program's.
type Output struct {
	Kind protocol.FrameKind
	Pipe *os.File
	// isReady is one that is among those to be read.
	isReady bool
	// isLast says that nobody has it any more who could write.
	isLast bool
}

// NewReader makes one that has no outputs yet.
func NewReader() (*Reader, error) {
	descriptor, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// Only such a descriptor can be waited for without a thread.
	_ = unix.SetNonblock(descriptor, true)
	return &Reader{poll: os.NewFile(uintptr(descriptor), "epoll"), outputs: map[int32]*Output{}}, nil
}

// Add takes the pipe that is an output, which does not block. It is the reader's from then on, also where that fails.
func (r *Reader) Add(kind protocol.FrameKind, pipe *os.File) error {
	return control(r.poll, func(poll int) error {
		return control(pipe, func(descriptor int) error {
			r.outputs[int32(descriptor)] = &Output{Kind: kind, Pipe: pipe}
			event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(descriptor)}
			return os.NewSyscallError("epoll_ctl", unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, descriptor, &event))
		})
	})
}

func control(file *os.File, do func(descriptor int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var doErr error
	err = raw.Control(func(descriptor uintptr) { doErr = do(int(descriptor)) })
	return errors.Join(err, doErr)
}

// Await returns true when there is something to read, and false when both outputs have ended or are left.
func (r *Reader) Await() bool {
	if len(r.outputs) == 0 {
		return false
	}
	raw, err := r.poll.SyscallConn()
	if err != nil {
		return false
	}
	began := time.Now()
	var lookErr error
	err = raw.Read(func(poll uintptr) bool {
		lookErr = r.look(int(poll))
		return lookErr != nil || len(r.ready) > 0
	})
	if r.turns++; time.Since(began) > GatherTime {
		r.turns, r.reads = 0, 0
	}
	return err == nil && lookErr == nil
}

// IsBusy tells that the program writes so often that it is worth waiting for more.
func (r *Reader) IsBusy() bool { return r.reads > busyReads || r.turns > busyTurns }

// look takes what was written to since the last time.
func (r *Reader) look(poll int) error {
	var events [2]unix.EpollEvent
	n, err := unix.EpollWait(poll, events[:], 0)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.EpollWait(poll, events[:], 0)
	}
	for _, event := range events[:max(n, 0)] {
		written := r.outputs[event.Fd]
		written.isLast = event.Events&unix.EPOLLHUP != 0
		if !written.isReady {
			written.isReady = true
			r.ready = append(r.ready, written)
		}
	}
	return err
}

// Read reads the output that was written to first among those that wait. No bytes: there were none, or it has ended and is closed.
func (r *Reader) Read(buffer []byte) (from *Output, n int) {
	from = r.ready[0]
	r.ready = r.ready[1:]
	if from != r.latest {
		r.latest, r.reads = from, 0
	}
	r.reads++
	descriptor := 0
	err := control(from.Pipe, func(number int) (err error) {
		descriptor = number
		n, err = unix.Read(descriptor, buffer)
		return err
	})
	n = max(n, 0)
	switch {
	case n == len(buffer), n > 0 && from.isLast, errors.Is(err, unix.EINTR):
		// It may hold more, which is not told anew. The other's turn is first.
		r.ready = append(r.ready, from)
	case n > 0, errors.Is(err, unix.EAGAIN):
		from.isReady = false
	default:
		delete(r.outputs, int32(descriptor))
		_ = from.Pipe.Close()
	}
	return from, n
}

// IsNext tells whether more of the output that was read last comes before anything of the other.
func (r *Reader) IsNext(output *Output) bool {
	_ = control(r.poll, r.look)
	return len(r.ready) > 0 && r.ready[0] == output
}

// Leave ends the waiting, whoever holds the outputs still.
func (r *Reader) Leave() { _ = r.poll.SetReadDeadline(time.Unix(1, 0)) }

// Release gives the outputs that have not ended to the caller, and is the reader's end.
func (r *Reader) Release() []*Output {
	open := slices.Collect(maps.Values(r.outputs))
	slices.SortFunc(open, func(a, b *Output) int { return cmp.Compare(a.Kind, b.Kind) })
	_ = r.poll.Close()
	return open
}

// Close is the reader's end, and that of outputs that have not ended.
func (r *Reader) Close() {
	for _, each := range r.Release() {
		_ = each.Pipe.Close()
	}
}
