package protocol

import (
	"encoding/binary"
	"io"
	"strings"
	"time"
)

const (
	execDocumentBytesMax = 4 << 20
	commandEntriesMax    = 16384
	commandBytesMax      = 2 << 20
	environmentMax       = 4096
	pathBytesMax         = 4096
	userBytesMax         = 256
	// timeMsMax is a year: longer is a mistake, and far below what overflows.
	timeMsMax = 366 * 24 * 3600 * 1000
	// killGraceDefault applies where the request names none.
	killGraceDefault = 500 * time.Millisecond
)

// ExecRequest is one command to run.
type ExecRequest struct {
	Command []Text `json:"command"`
	// Env entries override those of the activation.
	Env []Text `json:"env"`
	// Cwd absent means the activation's.
	Cwd Text `json:"cwd"`
	// User absent means the activation's.
	User string `json:"user"`
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
	if err := checkCommand(request.Command); err != nil {
		return nil, err
	}
	if err := checkEnvironment("env", request.Env); err != nil {
		return nil, err
	}
	if err := checkPath("cwd", string(request.Cwd)); err != nil {
		return nil, err
	}
	if err := checkUser("user", request.User); err != nil {
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

func checkCommand(command []Text) error {
	if len(command) == 0 || command[0] == "" {
		return Fail(CodeBadRequest, "command names no program")
	}
	if len(command) > commandEntriesMax {
		return Fail(CodeLimitExceeded, "command has %d entries, at most %d are taken", len(command), commandEntriesMax)
	}
	total := 0
	for i, entry := range command {
		if strings.ContainsRune(string(entry), 0) {
			return Fail(CodeBadRequest, "command[%d] contains a NUL byte", i)
		}
		total += len(entry)
	}
	if total > commandBytesMax {
		return Fail(CodeLimitExceeded, "command has %d bytes, at most %d are taken", total, commandBytesMax)
	}
	return nil
}

func checkEnvironment(field string, entries []Text) error {
	if len(entries) > environmentMax {
		return Fail(CodeLimitExceeded, "%s has %d entries, at most %d are taken", field, len(entries), environmentMax)
	}
	for i, entry := range entries {
		if strings.ContainsRune(string(entry), 0) {
			return Fail(CodeBadRequest, "%s[%d] contains a NUL byte", field, i)
		}
		if strings.IndexByte(string(entry), '=') <= 0 {
			return Fail(CodeBadRequest, "%s[%d] is %.60q, not NAME=value", field, i, string(entry))
		}
	}
	return nil
}

func checkPath(field, path string) error {
	if len(path) >= pathBytesMax {
		return Fail(CodeBadRequest, "%s has %d bytes, at most %d are taken", field, len(path), pathBytesMax-1)
	}
	if strings.ContainsRune(path, 0) {
		return Fail(CodeBadRequest, "%s contains a NUL byte", field)
	}
	return nil
}

func checkUser(field, user string) error {
	if len(user) > userBytesMax {
		return Fail(CodeBadRequest, "%s has %d bytes, at most %d are taken", field, len(user), userBytesMax)
	}
	if strings.ContainsAny(user, "\x00\n") {
		return Fail(CodeBadRequest, "%s is %q, not a user", field, user)
	}
	return nil
}
