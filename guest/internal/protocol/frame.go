package protocol

import (
	"encoding/binary"
	"encoding/json"
)

// FrameKind says what a frame of an exec response carries.
type FrameKind byte

const (
	FrameOutput  FrameKind = 1
	FrameError   FrameKind = 2
	FrameEnd     FrameKind = 3
	FrameStarted FrameKind = 4
	// FrameDropped is of logs and late output only: how many bytes are missing.
	FrameDropped FrameKind = 7
)

const (
	// FrameHeaderBytes is the kind and the length.
	FrameHeaderBytes = 5
	// FramePayloadMax is the longest payload.
	FramePayloadMax = 65536
	// LogTimeBytes are nanoseconds since 1970, at the beginning of each piece of a log.
	LogTimeBytes = 8
	// LateNumberBytes tell the command at the beginning of each payload of late output.
	LateNumberBytes = 8
)

// PutFrameHeader writes the header of a frame with that many payload bytes.
func PutFrameHeader(header []byte, kind FrameKind, length int) {
	header[0] = byte(kind)
	binary.BigEndian.PutUint32(header[1:FrameHeaderBytes], uint32(length))
}

// JSONFrame is a whole frame around one of this package's own values.
func JSONFrame(kind FrameKind, value any) []byte {
	payload, err := json.Marshal(value)
	if err != nil {
		panic("protocol: unmarshalable frame: " + err.Error())
	}
	frame := make([]byte, FrameHeaderBytes, FrameHeaderBytes+len(payload))
	PutFrameHeader(frame, kind, len(payload))
	return append(frame, payload...)
}

// LateDroppedFrame says how much late output of a command went missing.
func LateDroppedFrame(number uint64, count int64) []byte {
	frame := make([]byte, FrameHeaderBytes, FrameHeaderBytes+LateNumberBytes+8)
	PutFrameHeader(frame, FrameDropped, LateNumberBytes+8)
	frame = binary.BigEndian.AppendUint64(frame, number)
	return binary.BigEndian.AppendUint64(frame, uint64(count))
}

// Started is the first frame of a command that started.
type Started struct {
	PID int `json:"pid"`
}

// NotStartedReason says why a command never started.
type NotStartedReason string

const (
	CommandNotFound  NotStartedReason = "command_not_found"
	PermissionDenied NotStartedReason = "permission_denied"
	CwdNotFound      NotStartedReason = "cwd_not_found"
	UserNotFound     NotStartedReason = "user_not_found"
	ProcessLimit     NotStartedReason = "process_limit"
	NotExecutable    NotStartedReason = "not_executable"
	NoSpace          NotStartedReason = "no_space"
	StartFailed      NotStartedReason = "failed"
)

// End is the last frame: how the command ended, or that it never started.
type End struct {
	ExitCode *int `json:"exit_code,omitempty"`
	// Signal that ended the command, without SIG.
	Signal                 string           `json:"signal,omitempty"`
	DurationMs             int64            `json:"duration_ms"`
	TimedOut               bool             `json:"timed_out,omitempty"`
	OOMKilled              bool             `json:"oom_killed,omitempty"`
	BackgroundProcessCount int              `json:"background_process_count,omitempty"`
	NotStarted             NotStartedReason `json:"not_started,omitempty"`
	Message                string           `json:"message,omitempty"`
}
