package service

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	readBytesMax = 64 << 10
	// gatherTime lets a service that keeps writing fill its pipe: the agent goes before
	// services when the processor is scarce, and would otherwise wake for every few bytes.
	gatherTime = time.Millisecond
	// busyReads in a row, each soon after the one before, are what keeps the agent busy. Fewer
	// are read as they come: what was written to both outputs stays in order.
	busyReads = 64
)

// buffers are held only while there is something to read: most services are silent most of the time.
var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, readBytesMax)
	return &buffer
}}

// output carries what a service writes to one of its outputs into its log.
type output struct {
	kind protocol.FrameKind
	pipe *os.File
	log  *Log
	// wanted is told of, once, when a line contains it; nil for nothing.
	wanted *lineWatch
	done   chan struct{}
	// readAt is when something was read last, after how many reads in a row.
	readAt     time.Time
	readsInRow int
}

func (o *output) start() {
	o.done = make(chan struct{})
	go func() {
		defer close(o.done)
		defer o.pipe.Close()
		for o.carry() {
		}
	}()
}

// leave gives the pipe up, whoever holds it still.
func (o *output) leave() { _ = o.pipe.SetReadDeadline(time.Unix(1, 0)) }

// carry waits for bytes and writes them down; false at the end.
func (o *output) carry() bool {
	raw, err := o.pipe.SyscallConn()
	if err != nil {
		return false
	}
	buffer := buffers.Get().(*[]byte)
	defer func() { buffers.Put(buffer) }()
	n, isParked := 0, false
	var readErr error
	err = raw.Read(func(descriptor uintptr) bool {
		if isParked {
			buffer = buffers.Get().(*[]byte)
		}
		n, readErr = unix.Read(int(descriptor), *buffer)
		if !errors.Is(readErr, unix.EAGAIN) {
			return true
		}
		buffers.Put(buffer)
		isParked = true
		return false
	})
	if err != nil && isParked {
		// Given back already.
		buffer = buffers.Get().(*[]byte)
	}
	if err != nil || n <= 0 && !errors.Is(readErr, unix.EINTR) {
		return false
	}
	if n > 0 {
		o.log.Write(o.kind, (*buffer)[:n])
		o.wanted.look(o.kind, (*buffer)[:n])
	}
	o.rest(n)
	return true
}

// rest waits a little where little is read at a time, again and again.
func (o *output) rest(n int) {
	if time.Since(o.readAt) > gatherTime {
		o.readsInRow = 0
	}
	o.readsInRow++
	if n < readBytesMax && o.readsInRow > busyReads {
		time.Sleep(gatherTime)
	}
	o.readAt = time.Now()
}

// lineWatch looks for a text that a line contains.
type lineWatch struct {
	text  []byte
	mutex sync.Mutex
	// ends are the last bytes of each output, where the text may have begun.
	ends map[protocol.FrameKind][]byte
	seen chan struct{}
	once sync.Once
}

func newLineWatch(text string) *lineWatch {
	return &lineWatch{text: []byte(text), ends: map[protocol.FrameKind][]byte{}, seen: make(chan struct{})}
}

// look takes the next bytes of an output. The text has no line break, so
// whatever contains it is one line.
func (w *lineWatch) look(kind protocol.FrameKind, next []byte) {
	if w == nil {
		return
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	overlap := len(w.text) - 1
	border := append(w.ends[kind], next[:min(len(next), overlap)]...)
	if bytes.Contains(border, w.text) || bytes.Contains(next, w.text) {
		w.once.Do(func() { close(w.seen) })
	}
	if len(next) >= overlap {
		border = next
	}
	w.ends[kind] = bytes.Clone(border[max(0, len(border)-overlap):])
}
