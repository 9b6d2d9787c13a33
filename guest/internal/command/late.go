package command

import (
	"context"
	"encoding/binary"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	// lateFramesMax wait or travel at a time: all the memory that late output takes.
	lateFramesMax = 16
	// lateWait lets a process that writes little have its turn beside one that floods.
	lateWait = 200 * time.Millisecond
	// lateStart is where the bytes of a frame begin, behind its header and its command's number.
	lateStart = protocol.FrameHeaderBytes + protocol.LateNumberBytes
)

// Late gathers what processes write that outlive their commands, for the host to
// read. Nobody who writes ever waits for the host: what there is no room for is
// dropped and counted.
type Late struct {
	// slots has an entry for each frame of the queue, and for each that is being filled or written.
	slots   chan struct{}
	queue   chan *lateFrame
	readers atomic.Int32
	// reading is held by the one reader at a time; unsent is what an earlier one could not write.
	reading sync.Mutex
	unsent  *lateFrame
}

// NewLate makes one without any reader.
func NewLate() *Late {
	return &Late{slots: make(chan struct{}, lateFramesMax), queue: make(chan *lateFrame, lateFramesMax)}
}

// lateFrame is the next bytes of one output, and how many went missing before them.
type lateFrame struct {
	from    *lateOutput
	dropped int64
	buffer  *[]byte
	length  int
}

// Send writes what comes, until the reader leaves.
func (l *Late) Send(ctx context.Context, writer FrameWriter) error {
	l.readers.Add(1)
	defer l.readers.Add(-1)
	if err := writer.Flush(); err != nil {
		return err
	}
	l.reading.Lock()
	defer l.reading.Unlock()
	for {
		if l.unsent == nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case l.unsent = <-l.queue:
			}
		}
		if err := l.unsent.send(writer); err != nil {
			return err
		}
		l.unsent.release()
		l.unsent = nil
	}
}

func (f *lateFrame) send(writer FrameWriter) error {
	if f.dropped > 0 {
		if _, err := writer.Write(protocol.LateDroppedFrame(f.from.number, f.dropped)); err != nil {
			return err
		}
	}
	if f.length > 0 {
		frame := (*f.buffer)[:lateStart+f.length]
		protocol.PutFrameHeader(frame, f.from.kind, len(frame)-protocol.FrameHeaderBytes)
		binary.BigEndian.PutUint64(frame[protocol.FrameHeaderBytes:], f.from.number)
		if _, err := writer.Write(frame); err != nil {
			return err
		}
	}
	return writer.Flush()
}

func (f *lateFrame) release() {
	if f.buffer != nil {
		buffers.Put(f.buffer)
	}
	f.from.queued.Add(-1)
	<-f.from.to.slots
}

// lateOutput is one pipe that processes hold beyond the end of their command.
type lateOutput struct {
	number uint64
	kind   protocol.FrameKind
	pipe   *os.File
	to     *Late
	// queued are its frames that have not been written yet.
	queued  atomic.Int32
	dropped int64
	isWide  bool
}

// carry returns when the last process has let go of the pipe.
func (o *lateOutput) carry() {
	_ = o.pipe.SetReadDeadline(time.Time{})
	for awaitBytes(o.pipe) && o.carryOnce() {
		// One that never stops writing must not keep the agent busy, and many small writes are one frame.
		time.Sleep(discardPause)
	}
	if o.dropped > 0 {
		o.to.slots <- struct{}{}
		o.enqueue(&lateFrame{from: o})
	}
}

// carryOnce is false at the end.
func (o *lateOutput) carryOnce() bool {
	if !o.takeSlot() {
		if !o.isWide {
			widen(o.pipe)
			o.isWide = true
		}
		moved, isOpen := dropOnce(o.pipe)
		o.dropped += moved
		return isOpen
	}
	buffer := buffers.Get().(*[]byte)
	n, isOpen := readOnce(o.pipe, (*buffer)[lateStart:])
	if n == 0 {
		buffers.Put(buffer)
		<-o.to.slots
		return isOpen
	}
	o.enqueue(&lateFrame{from: o, buffer: buffer, length: n})
	return true
}

// enqueue never waits: whoever calls has a slot.
func (o *lateOutput) enqueue(frame *lateFrame) {
	frame.dropped, o.dropped = o.dropped, 0
	o.queued.Add(1)
	o.to.queue <- frame
}

// takeSlot waits only where somebody reads, and not for an output that has its share already.
func (o *lateOutput) takeSlot() bool {
	select {
	case o.to.slots <- struct{}{}:
		return true
	default:
	}
	if o.to.readers.Load() == 0 || o.queued.Load() > 0 {
		return false
	}
	timer := time.NewTimer(lateWait)
	defer timer.Stop()
	select {
	case o.to.slots <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

// awaitBytes returns once the pipe has bytes or its end; false when it cannot be waited for.
func awaitBytes(pipe *os.File) bool {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Read(func(descriptor uintptr) bool {
		ready := []unix.PollFd{{Fd: int32(descriptor), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 0)
		return err == nil && n > 0
	})
	return err == nil
}

// readOnce answers what there is, and whether there may be more.
func readOnce(pipe *os.File, into []byte) (n int, isOpen bool) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0, false
	}
	var readErr error
	err = raw.Control(func(descriptor uintptr) { n, readErr = unix.Read(int(descriptor), into) })
	if err != nil {
		return 0, false
	}
	return max(n, 0), n > 0 || readErr == unix.EAGAIN || readErr == unix.EINTR
}
