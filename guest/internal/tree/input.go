package tree

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"

	"pyro.dev/guest/internal/protocol"
)

// inputBytes is read at once: a request's window of it.
const inputBytes = 256 << 10

// input reads a stream through one large buffer; what it answers lies in there
// and is valid until its next read.
type input struct {
	from       io.Reader
	buffer     []byte
	start, end int
}

func newInput(from io.Reader) *input {
	return &input{from: from, buffer: make([]byte, inputBytes)}
}

func (i *input) buffered() []byte { return i.buffer[i.start:i.end] }

// fill reads more behind what is buffered.
func (i *input) fill() error {
	if i.start > 0 && (i.start == i.end || i.end == len(i.buffer)) {
		i.end = copy(i.buffer, i.buffered())
		i.start = 0
	}
	n, err := i.from.Read(i.buffer[i.end:])
	i.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// require answers the next count bytes without taking them.
func (i *input) require(count int) ([]byte, error) {
	if i.start+count > len(i.buffer) {
		i.end = copy(i.buffer, i.buffered())
		i.start = 0
	}
	for i.end-i.start < count {
		if err := i.fill(); err != nil {
			return nil, brokenOff(err)
		}
	}
	return i.buffer[i.start : i.start+count], nil
}

// take answers the next count bytes.
func (i *input) take(count int) ([]byte, error) {
	taken, err := i.require(count)
	i.start += len(taken)
	return taken, err
}

// takeText takes up to a NUL, which may come after at most limit bytes.
func (i *input) takeText(limit int, what string) ([]byte, error) {
	length := 0
	for {
		if nul := bytes.IndexByte(i.buffered()[length:], 0); nul >= 0 && length+nul <= limit {
			text := i.buffered()[:length+nul]
			i.start += length + nul + 1
			return text, nil
		}
		length = i.end - i.start
		if length > limit {
			return nil, malformed("%s has more than %d bytes", what, limit)
		}
		if _, err := i.require(length + 1); err != nil {
			return nil, err
		}
	}
}

// hasEnded tells whether the stream is over.
func (i *input) hasEnded() (bool, error) {
	if i.start < i.end {
		return false, nil
	}
	err := i.fill()
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil {
		return false, brokenOff(err)
	}
	return false, nil
}

// content is what comes next of a file.
type content struct {
	kind byte
	// length of data or of a hole.
	length int64
	// hasChanged says at the end that the file changed while it was read.
	hasChanged bool
}

// takeContent reads the header of data, or a whole hole or end.
func (i *input) takeContent() (content, error) {
	head, err := i.take(1)
	if err != nil {
		return content{}, err
	}
	switch kind := head[0]; kind {
	case contentData:
		raw, err := i.take(dataHeaderBytes - 1)
		if err != nil {
			return content{}, err
		}
		length := binary.BigEndian.Uint32(raw)
		if length == 0 || length > chunkBytesMax {
			return content{}, malformed("a chunk of %d bytes, not of 1 to %d", length, chunkBytesMax)
		}
		return content{kind: kind, length: int64(length)}, nil
	case contentHole:
		raw, err := i.take(holeHeaderBytes - 1)
		if err != nil {
			return content{}, err
		}
		length := binary.BigEndian.Uint64(raw)
		if length == 0 || length > sizeMax {
			return content{}, malformed("a hole of %d bytes, not of 1 to %d", length, int64(sizeMax))
		}
		return content{kind: kind, length: int64(length)}, nil
	case contentEnd:
		flag, err := i.take(1)
		if err != nil {
			return content{}, err
		}
		if flag[0] > 1 {
			return content{}, malformed("a content's end with %d, not 0 or 1", flag[0])
		}
		return content{kind: kind, hasChanged: flag[0] == 1}, nil
	default:
		return content{}, malformed("content that starts with %q, not D, H or E", kind)
	}
}

func malformed(format string, values ...any) error {
	failure := protocol.Fail(protocol.CodeBadRequest, format, values...)
	failure.Message = "the stream is malformed: " + failure.Message
	return failure
}

func brokenOff(err error) error {
	if errors.Is(err, io.EOF) {
		return malformed("it ends too early")
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return protocol.Fail(protocol.CodeBadRequest, "the request body broke off: %v", err)
}
