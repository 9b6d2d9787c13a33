package channel

import (
	"bytes"
	"io"
	"time"
)

const (
	attachPrefix = "PYRO/1 "
	nonceDigits  = 32
	attachBytes  = len(attachPrefix) + nonceDigits + 1
)

// attachScanner finds the attach line in a stream that may begin with what an
// earlier client left. It keeps one line's worth of bytes, whatever arrives.
type attachScanner struct {
	window [attachBytes]byte
	filled int
}

// scan feeds bytes; it answers the line and what follows it once it is complete.
func (s *attachScanner) scan(chunk []byte) (line, rest []byte) {
	for i, b := range chunk {
		if s.filled == attachBytes {
			copy(s.window[:], s.window[1:])
			s.filled--
		}
		s.window[s.filled] = b
		s.filled++
		if b == '\n' && s.filled == attachBytes && isAttachLine(s.window[:]) {
			return bytes.Clone(s.window[:]), chunk[i+1:]
		}
	}
	return nil, nil
}

func isAttachLine(line []byte) bool {
	if len(line) != attachBytes || !bytes.HasPrefix(line, []byte(attachPrefix)) || line[attachBytes-1] != '\n' {
		return false
	}
	for _, digit := range line[len(attachPrefix) : attachBytes-1] {
		if (digit < '0' || digit > '9') && (digit < 'a' || digit > 'f') {
			return false
		}
	}
	return true
}

// answerMax bounds the wait of an answer nobody reads: its host left meanwhile,
// and the next one must not find the answer to a question it never asked.
const answerMax = 500 * time.Millisecond

type stream interface {
	io.ReadWriter
	SetWriteDeadline(time.Time) error
}

// attach drops everything until an attach line, answers it and returns what had
// already arrived after it.
func attach(from stream) ([]byte, error) {
	scanner := attachScanner{}
	chunk := make([]byte, 4096)
	for {
		n, err := from.Read(chunk)
		if line, rest := scanner.scan(chunk[:n]); line != nil {
			_ = from.SetWriteDeadline(time.Now().Add(answerMax))
			if _, err := from.Write(line); err != nil {
				return nil, err
			}
			return rest, from.SetWriteDeadline(time.Time{})
		}
		if err != nil {
			return nil, err
		}
	}
}
