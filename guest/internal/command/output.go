package command

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

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

func (o Outputs) start(kind protocol.FrameKind, pipe *os.File, to *frames) *output {
	started := &output{kind: kind, pipe: pipe, to: to, late: o.carryLate, done: make(chan struct{})}
	started.start()
	return started
}

func (o Outputs) carryLate(kind protocol.FrameKind, pipe *os.File) {
	if o.Late == nil {
		discard(pipe)
		return
	}
	(&lateOutput{number: o.Number, kind: kind, pipe: pipe, to: o.Late}).carry()
}

// gatherTime is how soon after a frame the next bytes wait for company.
const gatherTime = time.Millisecond

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

// write returns when the frame is on its way.
func (f *frames) write(frame []byte) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.flusher != nil {
		f.flusher.Stop()
		f.flusher = nil
	}
	if f.failed != nil {
		return f.failed
	}
	if _, f.failed = f.writer.Write(frame); f.failed == nil {
		f.failed = f.writer.Flush()
	}
	return f.failed
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
			f.failed = f.writer.Flush()
		}
	})
}

// buffers hold one frame each. Three a command, one of them for its input, are
// all the agent keeps: when the channel takes no more, the command's own pipe fills.
var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, protocol.FrameHeaderBytes+protocol.FramePayloadMax)
	return &buffer
}}

// output carries one pipe's bytes into frames.
type output struct {
	kind protocol.FrameKind
	pipe *os.File
	to   *frames
	// late carries what comes after the command's end.
	late func(kind protocol.FrameKind, pipe *os.File)
	// left is set when the command has ended but the pipe stays open: what is
	// in the pipe then is still the command's, what comes later is not.
	left atomic.Bool
	// done is closed once nothing more of it reaches the frames.
	done chan struct{}
}

func (o *output) start() {
	go func() {
		defer o.pipe.Close()
		isHeld := o.carry()
		close(o.done)
		if isHeld {
			keepOpen(func() { o.late(o.kind, o.pipe) })
		}
	}()
}

// leave ends the carrying after what the pipe holds now.
func (o *output) leave() {
	o.left.Store(true)
	_ = o.pipe.SetReadDeadline(time.Unix(1, 0))
}

// carry tells whether the pipe may still be held: by processes that the command
// left behind, or by the command itself where nobody listens any more.
func (o *output) carry() (isHeld bool) {
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	buffer := *pooled
	sent := time.Time{}
	isWide := false
	for {
		n, err := o.pipe.Read(buffer[protocol.FrameHeaderBytes:])
		if n == protocol.FramePayloadMax && !isWide {
			widen(o.pipe)
			isWide = true
		}
		if n > 0 && time.Since(sent) < gatherTime {
			n += o.gather(buffer[protocol.FrameHeaderBytes+n:])
		}
		if n > 0 && !o.send(buffer, n) {
			return true
		}
		sent = time.Now()
		if errors.Is(err, os.ErrDeadlineExceeded) && o.left.Load() {
			o.carryRest(buffer)
			return true
		}
		if err != nil {
			return false
		}
	}
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

// gather lets a busy command fill its pipe. The agent goes before commands when
// the processor is scarce, and would otherwise wake for every few bytes they write.
func (o *output) gather(rest []byte) int {
	if len(rest) == 0 || o.left.Load() {
		return 0
	}
	time.Sleep(gatherTime)
	n := 0
	if raw, err := o.pipe.SyscallConn(); err == nil {
		_ = raw.Control(func(descriptor uintptr) { n, _ = unix.Read(int(descriptor), rest) })
	}
	return max(n, 0)
}

// carryRest takes no more than the pipe holds at this moment.
func (o *output) carryRest(buffer []byte) {
	raw, err := o.pipe.SyscallConn()
	if err != nil {
		return
	}
	left := 0
	_ = raw.Control(func(descriptor uintptr) { left, _ = unix.IoctlGetInt(int(descriptor), unix.TIOCINQ) })
	for left > 0 {
		n := 0
		payload := buffer[protocol.FrameHeaderBytes:]
		_ = raw.Control(func(descriptor uintptr) {
			n, _ = unix.Read(int(descriptor), payload[:min(left, len(payload))])
		})
		if n <= 0 || !o.send(buffer, n) {
			return
		}
		left -= n
	}
}

func (o *output) send(buffer []byte, length int) bool {
	protocol.PutFrameHeader(buffer, o.kind, length)
	return o.to.write(buffer[:protocol.FrameHeaderBytes+length]) == nil
}
