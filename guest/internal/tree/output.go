package tree

import (
	"encoding/binary"
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
	count  int64
}

func newOutput(to io.Writer) *output {
	return &output{to: to, buffer: make([]byte, 0, outputBytes)}
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
	if cap(o.buffer)-len(o.buffer) < dataHeaderBytes+int(min(limit, dataRoomMin)) {
		if err := o.flush(); err != nil {
			return 0, err
		}
	}
	start := len(o.buffer)
	room := min(limit, int64(outputBytes-start-dataHeaderBytes))
	n, err := read(o.buffer[start+dataHeaderBytes : start+dataHeaderBytes+int(room)])
	if n <= 0 || err != nil {
		return 0, err
	}
	o.buffer = append(o.buffer, contentData)
	o.buffer = binary.BigEndian.AppendUint32(o.buffer, uint32(n))
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
	if len(o.buffer) < outputBytes-dataRoomMin {
		return nil
	}
	return o.flush()
}

func (o *output) flush() error {
	if len(o.buffer) == 0 {
		return nil
	}
	_, err := o.to.Write(o.buffer)
	if cap(o.buffer) > outputBytes {
		// A record with large attributes made it grow; the next will not need it.
		o.buffer = make([]byte, 0, outputBytes)
	}
	o.buffer = o.buffer[:0]
	return err
}
