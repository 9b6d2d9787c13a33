package command

import (
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/outputs"
	"pyro.dev/guest/internal/protocol"
)

// FrameWriter takes whole frames, in order; Write returns when the channel took them.
type FrameWriter interface {
	io.Writer
	Flush() error
}

// Outputs is where what a command writes goes.
type Outputs struct {
	Frames FrameWriter
	// Late takes what comes after the command's end, under its number; nil drops it.
	Late   *Late
	Number uint64
}

// label is what the host knows the command by.
func (o Outputs) label() string {
	if o.Late == nil {
		return ""
	}
	return "command:" + strconv.FormatUint(o.Number, 10)
}

func (o Outputs) start(reader *outputs.Reader, to *frames) *carrying {
	started := &carrying{reader: reader, to: to, late: o.carryLate, done: make(chan struct{})}
	go started.run()
	return started
}

func (o Outputs) carryLate(kind protocol.FrameKind, pipe *os.File) {
	if o.Late == nil {
		discard(pipe)
		return
	}
	(&lateOutput{number: o.Number, kind: kind, pipe: pipe, to: o.Late}).carry()
}

// flushDelay is how long the news of a command's start may wait for its first output.
const flushDelay = 10 * time.Millisecond

// frames serializes the two outputs and the end onto one response.
type frames struct {
	mutex  sync.Mutex
	writer FrameWriter
	failed error
	// flusher sends what writeSoon wrote; nil once it is sent.
	flusher *time.Timer
}

// write returns when the frame is on its way: it may be the last that the machine says.
func (f *frames) write(frame []byte) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.failed != nil {
		return f.failed
	}
	f.stopFlusher()
	if _, f.failed = f.writer.Write(frame); f.failed == nil {
		f.failed = f.writer.Flush()
	}
	return f.failed
}

// writeLast leaves the frame to go with the end of the answer, which comes next.
func (f *frames) writeLast(frame []byte) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.stopFlusher()
	if f.failed == nil {
		_, f.failed = f.writer.Write(frame)
	}
}

func (f *frames) stopFlusher() {
	if f.flusher != nil {
		f.flusher.Stop()
		f.flusher = nil
	}
}

// writeSoon lets a frame travel with the next one, if that comes at once: for a
// short command its start and its end are one packet.
func (f *frames) writeSoon(frame []byte) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	_, f.failed = f.writer.Write(frame)
	f.flusher = time.AfterFunc(flushDelay, func() {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		if f.flusher != nil && f.failed == nil {
			f.flusher = nil
			f.failed = f.writer.Flush()
		}
	})
}

// buffers hold one frame each. Two a command, one of them for its input, are
// all the agent keeps: when the channel takes no more, the command's own pipe fills.
var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, protocol.FrameHeaderBytes+protocol.FramePayloadMax)
	return &buffer
}}

// carrying is a command's output on its way into frames.
type carrying struct {
	reader *outputs.Reader
	to     *frames
	// late carries what comes after the command's end.
	late func(kind protocol.FrameKind, pipe *os.File)
	// left is set when the command has ended but its outputs stay open: what is
	// in them then is still the command's, what comes later is not.
	left atomic.Bool
	// wide are the outputs that have filled a frame.
	wide []*outputs.Output
	// done is closed once nothing more of it reaches the frames.
	done chan struct{}
}

func (c *carrying) run() {
	pooled := buffers.Get().(*[]byte)
	isHeard := c.carry(*pooled)
	// Held by processes that the command left behind, or by the command itself where nobody listens any more.
	held := c.reader.Release()
	for _, each := range held {
		isHeard = isHeard && c.carryRest(each, *pooled)
	}
	buffers.Put(pooled)
	close(c.done)
	for _, each := range held {
		go func() {
			defer each.Pipe.Close()
			keepOpen(func() { c.late(each.Kind, each.Pipe) })
		}()
	}
}

// leave ends the carrying after what the outputs hold now.
func (c *carrying) leave() {
	c.left.Store(true)
	c.reader.Leave()
}

// carry goes on until both outputs have ended or are left; false when nobody listens any more.
func (c *carrying) carry(buffer []byte) bool {
	payload := buffer[protocol.FrameHeaderBytes:]
	for c.reader.Await() {
		from, n := c.reader.Read(payload)
		if n == len(payload) && !slices.Contains(c.wide, from) {
			widen(from.Pipe)
			c.wide = append(c.wide, from)
		}
		if n == 0 {
			continue
		}
		if c.reader.IsBusy() && n < len(payload) && !c.left.Load() {
			n += c.gather(from, payload[n:])
		}
		if !c.send(buffer, from.Kind, n) {
			return false
		}
	}
	return true
}

// widePipeBytes lets a command that writes much go on while its last bytes travel.
const widePipeBytes = 1 << 20

// widen is only for commands that have filled a frame: it costs short ones too much.
func widen(pipe *os.File) {
	if raw, err := pipe.SyscallConn(); err == nil {
		_ = raw.Control(func(descriptor uintptr) {
			_, _ = unix.FcntlInt(descriptor, unix.F_SETPIPE_SZ, widePipeBytes)
		})
	}
}

// gather lets a busy command fill its pipe.
func (c *carrying) gather(from *outputs.Output, rest []byte) int {
	time.Sleep(outputs.GatherTime)
	if !c.reader.IsNext(from) {
		return 0
	}
	_, n := c.reader.Read(rest)
	return n
}

// carryRest takes no more than the pipe holds at this moment; false when nobody listens any more.
func (c *carrying) carryRest(of *outputs.Output, buffer []byte) bool {
	raw, err := of.Pipe.SyscallConn()
	if err != nil {
		return true
	}
	left := 0
	_ = raw.Control(func(descriptor uintptr) { left, _ = unix.IoctlGetInt(int(descriptor), unix.TIOCINQ) })
	for left > 0 {
		n := 0
		payload := buffer[protocol.FrameHeaderBytes:]
		_ = raw.Control(func(descriptor uintptr) {
			n, _ = unix.Read(int(descriptor), payload[:min(left, len(payload))])
		})
		if n <= 0 {
			return true
		}
		if !c.send(buffer, of.Kind, n) {
			return false
		}
		left -= n
	}
	return true
}

func (c *carrying) send(buffer []byte, kind protocol.FrameKind, length int) bool {
	protocol.PutFrameHeader(buffer, kind, length)
	return c.to.write(buffer[:protocol.FrameHeaderBytes+length]) == nil
}
