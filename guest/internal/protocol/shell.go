package protocol

import (
	"regexp"

	"golang.org/x/sys/unix"
)

// Further kinds of frames, in a shell's output.
const (
	// FramePosition says where in the output the next bytes are.
	FramePosition FrameKind = 5
	// FrameSize says how large the terminal is from here on.
	FrameSize FrameKind = 6
	// FramePause ends an answer before the shell ended.
	FramePause FrameKind = 8
)

// OpenShellRequest is POST /v1/shell/open.
type OpenShellRequest struct {
	// ID is the host's to choose.
	ID string `json:"id"`
	// Program without a command is the workspace's own shell.
	Program
	TerminalSize
}

// TerminalSize is in characters.
type TerminalSize struct {
	Columns int `json:"cols"`
	Rows    int `json:"rows"`
}

const (
	columnsMin, columnsMax = 2, 1000
	rowsMin, rowsMax       = 1, 500
)

var shellID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// Check refuses what is out of range.
func (r *OpenShellRequest) Check() error {
	if err := CheckShellID(r.ID); err != nil {
		return err
	}
	if err := r.TerminalSize.Check(); err != nil {
		return err
	}
	if len(r.Command) == 0 {
		return r.checkWorld()
	}
	return r.check()
}

// Check refuses terminals that no program could use, or that would cost a reader too much.
func (s TerminalSize) Check() error {
	if s.Columns < columnsMin || s.Columns > columnsMax {
		return Fail(CodeBadRequest, "cols is %d, not in %d to %d", s.Columns, columnsMin, columnsMax)
	}
	if s.Rows < rowsMin || s.Rows > rowsMax {
		return Fail(CodeBadRequest, "rows is %d, not in %d to %d", s.Rows, rowsMin, rowsMax)
	}
	return nil
}

// CheckShellID refuses what no shell can be called.
func CheckShellID(id string) error {
	if !shellID.MatchString(id) {
		return Fail(CodeBadRequest, "the shell's id %.80q is not 1 to 64 of a-z, 0-9 and -", id)
	}
	return nil
}

// ParseSignal takes a name without SIG.
func ParseSignal(name string) (unix.Signal, error) {
	signal := unix.SignalNum("SIG" + name)
	if signal == 0 {
		return 0, Fail(CodeBadRequest, "there is no signal %.40q", name)
	}
	return signal, nil
}

// Shell is what the agent says about one.
type Shell struct {
	ID string `json:"id"`
	// PID is the number among the workspace's processes.
	PID int `json:"pid"`
	TerminalSize
	AgeMs int64 `json:"age_ms"`
	// IdleMs is how long ago it last wrote, or was opened.
	IdleMs int64 `json:"idle_ms"`
	// FirstPosition and NextPosition are of the output that is kept.
	FirstPosition int64 `json:"first_position"`
	NextPosition  int64 `json:"next_position"`
	// ApplicationCursor and BracketedPaste are what the program asked its terminal for.
	ApplicationCursor bool `json:"application_cursor"`
	BracketedPaste    bool `json:"bracketed_paste"`
	AttachedCount     int  `json:"attached_count"`
	// End is nil while its program runs.
	End *End `json:"end,omitempty"`
}

// ShellNotOpened answers a shell whose program did not start.
type ShellNotOpened struct {
	NotStarted NotStartedReason `json:"not_started"`
	Message    string           `json:"message"`
}

// Position is a place in a shell's output.
type Position struct {
	Position int64 `json:"position"`
	// LostBytes before it are kept no more.
	LostBytes int64 `json:"lost_bytes"`
}

// Pause ends an answer of a shell that goes on.
type Pause struct {
	NextPosition int64 `json:"next_position"`
}

// InputTaken answers what was typed.
type InputTaken struct {
	// Bytes that the terminal took: fewer than were sent where its program reads nothing.
	Bytes int64 `json:"bytes"`
}
