package protocol

import (
	"encoding/binary"
	"io"
	"time"
)

const (
	execDocumentBytesMax = 4 << 20
	// timeMsMax is a year: longer is a mistake, and far below what overflows.
	timeMsMax = 366 * 24 * 3600 * 1000
	// killGraceDefault applies where the request names none.
	killGraceDefault = 500 * time.Millisecond
)

// ExecRequest is one command to run.
type ExecRequest struct {
	Program
	// NoStdin makes standard input /dev/null instead of a pipe with the request's body.
	NoStdin     bool   `json:"no_stdin"`
	TimeoutMs   int64  `json:"timeout_ms"`
	KillGraceMs *int64 `json:"kill_grace_ms"`
}

// Timeout is 0 for none.
func (r *ExecRequest) Timeout() time.Duration {
	return time.Duration(r.TimeoutMs) * time.Millisecond
}

// KillGrace is the time between TERM and KILL.
func (r *ExecRequest) KillGrace() time.Duration {
	if r.KillGraceMs == nil {
		return killGraceDefault
	}
	return time.Duration(*r.KillGraceMs) * time.Millisecond
}

// ReadExecRequest reads the length, the document and nothing of what follows.
func ReadExecRequest(from io.Reader) (*ExecRequest, error) {
	var header [4]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, Fail(CodeBadRequest, "the exec request has no length: %v", err)
	}
	length := binary.BigEndian.Uint32(header[:])
	if length > execDocumentBytesMax {
		return nil, Fail(CodeLimitExceeded, "the exec document has %d bytes, at most %d are taken", length, execDocumentBytesMax)
	}
	// Grown as bytes arrive: a length alone must not cost memory.
	text, err := io.ReadAll(io.LimitReader(from, int64(length)))
	if err != nil || len(text) != int(length) {
		return nil, Fail(CodeBadRequest, "the exec document broke off after %d of %d bytes", len(text), length)
	}
	return parseExecRequest(text)
}

func parseExecRequest(text []byte) (*ExecRequest, error) {
	request := &ExecRequest{}
	if err := Decode(text, request); err != nil {
		return nil, err
	}
	if err := request.Program.check(); err != nil {
		return nil, err
	}
	if request.TimeoutMs < 0 || request.TimeoutMs > timeMsMax {
		return nil, Fail(CodeBadRequest, "timeout_ms is %d, not in 0 to %d", request.TimeoutMs, int64(timeMsMax))
	}
	if grace := request.KillGraceMs; grace != nil && (*grace < 0 || *grace > timeMsMax) {
		return nil, Fail(CodeBadRequest, "kill_grace_ms is %d, not in 0 to %d", *grace, int64(timeMsMax))
	}
	return request, nil
}
