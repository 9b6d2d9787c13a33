package tree

import (
	"io"

	"pyro.dev/guest/internal/protocol"
)

const (
	// outputBytes travel together: what one large write costs is what a small one costs.
	outputBytes = 256 << 10
	// dataRoomMin keeps a large file's chunks from becoming crumbs at the buffer's end.
	dataRoomMin = 16 << 10
)

// output writes a stream through one large buffer.
type output struct {
	to     io.Writer
	buffer []byte
	// bufferBytes is what the next buffer may hold, if not what this one does.
	bufferBytes int
	count       int64
	// complete fills in what was left open in the buffer before it is written, if anything was.
	complete func() error
}

func newOutput(to io.Writer) *output {
	return &output{to: to, buffer: make([]byte, 0, outputBytes), bufferBytes: outputBytes}
}

func (o *output) put(one *record) error {
	o.count++
	if o.count > recordsMax {
		return protocol.Fail(protocol.CodeLimitExceeded, "the tree has more than %d entries", recordsMax)
	}
	o.buffer = one.append(o.buffer)
	return o.flushIfFull()
}

func (o *output) hole(length int64) error {
	o.buffer = appendHole(o.buffer, length)
	return o.flushIfFull()
}

func (o *output) contentEnd(hasChanged bool) error {
	o.buffer = appendContentEnd(o.buffer, hasChanged)
	return o.flushIfFull()
}

// data lets read fill a chunk of at most limit bytes right where it is sent from.
func (o *output) data(limit int64, read func([]byte) (int, error)) (int, error) {
	if o.room() < dataHeaderBytes+int(min(limit, dataRoomMin)) {
		if err := o.flush(); err != nil {
			return 0, err
		}
	}
	start := len(o.buffer)
	room := min(limit, int64(o.room()-dataHeaderBytes))
	n, err := read(o.buffer[start+dataHeaderBytes : start+dataHeaderBytes+int(room)])
	if n <= 0 || err != nil {
		return 0, err
	}
	o.buffer = appendDataHeader(o.buffer, n)
	o.buffer = o.buffer[:len(o.buffer)+n]
	return n, nil
}

// end completes the stream.
func (o *output) end() error {
	last := record{kind: typeEnd, size: o.count, digest: digestNone}
	o.buffer = last.append(o.buffer)
	return o.flush()
}

func (o *output) flushIfFull() error {
	if o.room() >= dataRoomMin {
		return nil
	}
	return o.flush()
}

func (o *output) room() int { return cap(o.buffer) - len(o.buffer) }

func (o *output) flush() error {
	if len(o.buffer) == 0 {
		return nil
	}
	if o.complete != nil {
		if err := o.complete(); err != nil {
			return err
		}
	}
	_, err := o.to.Write(o.buffer)
	if cap(o.buffer) != o.bufferBytes {
		// A record with large attributes made it grow; the next will not need it.
		o.buffer = make([]byte, 0, o.bufferBytes)
	}
	o.buffer = o.buffer[:0]
	return err
}
