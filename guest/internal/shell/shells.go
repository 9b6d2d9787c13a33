package shell

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/spawn"
	"pyro.dev/guest/internal/terminal"
)

// shellsMax counts those that ended as well, until they are closed; where there is
// no room for another, the one that ended first is forgotten.
const shellsMax = 64

// Shells are those of a workspace.
type Shells struct {
	walls  command.Walls
	memory *memory
	mutex  sync.Mutex
	byID   map[string]*Shell
	// opening are the ids of programs that are being started.
	opening map[string]struct{}
	// isClosed: the machine is on its way to its end.
	isClosed bool
}

// New makes room for a workspace's shells.
func New(walls command.Walls) *Shells {
	return &Shells{walls: walls, memory: newMemory(), byID: map[string]*Shell{}, opening: map[string]struct{}{}}
}

// Open starts a program on a terminal of its own. A program that did not start is
// answered as such, and no shell is left.
func (s *Shells) Open(defaults *command.Defaults, request *protocol.OpenShellRequest) (*Shell, *spawn.NotStarted, error) {
	if err := s.reserve(request.ID); err != nil {
		return nil, nil, err
	}
	opened, refusal, err := s.start(defaults, request)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.opening, request.ID)
	if opened == nil {
		return nil, refusal, err
	}
	s.byID[request.ID] = opened
	if s.isClosed {
		opened.close()
	}
	return opened, nil, nil
}

// reserve holds a place for a shell that is about to start.
func (s *Shells) reserve(id string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, isOpening := s.opening[id]
	if s.byID[id] != nil || isOpening {
		return protocol.Fail(protocol.CodeConflict, "there is a shell %s already", id)
	}
	if len(s.byID)+len(s.opening) >= shellsMax && !s.forgetOldest() {
		return protocol.Fail(protocol.CodeLimitExceeded, "%d shells are open, and no more may be", shellsMax)
	}
	s.opening[id] = struct{}{}
	return nil
}

// forgetOldest makes room where a shell has ended.
func (s *Shells) forgetOldest() bool {
	var oldest *Shell
	for _, each := range s.byID {
		if each.hasEnded() && (oldest == nil || each.opened.Before(oldest.opened)) {
			oldest = each
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.byID, oldest.id)
	oldest.forget()
	return true
}

func (s *Shells) start(defaults *command.Defaults, request *protocol.OpenShellRequest) (*Shell, *spawn.NotStarted, error) {
	group, err := s.walls.NewGroup("shell:" + request.ID)
	if err != nil {
		return nil, nil, err
	}
	process, refusal := s.startProgram(defaults, request, group)
	if refusal != nil {
		group.Release()
		return nil, refusal, nil
	}
	now := time.Now()
	opened := &Shell{
		id:        request.ID,
		process:   process,
		terminal:  process.Terminal,
		group:     group,
		history:   s.memory.open(request.TerminalSize),
		opened:    now,
		ended:     make(chan struct{}),
		answering: terminal.New(request.Columns, request.Rows),
		size:      request.TerminalSize,
		wrote:     now,
	}
	opened.run()
	return opened, nil, nil
}

// usualShells are tried where a request names no program.
var usualShells = []string{"bash", "sh"}

func (s *Shells) startProgram(defaults *command.Defaults, request *protocol.OpenShellRequest, group command.Group) (*spawn.Process, *spawn.NotStarted) {
	wanted := defaults.Command(&request.Program)
	wanted.Terminal = &spawn.TerminalSize{Columns: request.Columns, Rows: request.Rows}
	wanted.Defaults = append(slices.Clone(wanted.Defaults), "TERM="+terminal.Kind)
	if len(wanted.Arguments) > 0 {
		return s.walls.Start(wanted, group)
	}
	var refusal *spawn.NotStarted
	for _, program := range usualShells {
		wanted.Arguments = []string{program}
		var process *spawn.Process
		process, refusal = s.walls.Start(wanted, group)
		if refusal == nil || refusal.Reason != protocol.CommandNotFound {
			return process, refusal
		}
	}
	return nil, refusal
}

// Find answers an open shell, or one that ended and was not closed.
func (s *Shells) Find(id string) (*Shell, error) {
	if err := protocol.CheckShellID(id); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.byID[id]
	if found == nil {
		return nil, protocol.Fail(protocol.CodeNotFound, "there is no shell %s", id)
	}
	return found, nil
}

// List begins with the shell that was opened first.
func (s *Shells) List() []protocol.Shell {
	s.mutex.Lock()
	shells := make([]*Shell, 0, len(s.byID))
	for _, each := range s.byID {
		shells = append(shells, each)
	}
	s.mutex.Unlock()
	slices.SortFunc(shells, func(a, b *Shell) int { return cmp.Or(a.opened.Compare(b.opened), cmp.Compare(a.id, b.id)) })
	described := make([]protocol.Shell, len(shells))
	for i, each := range shells {
		described[i] = each.Describe()
	}
	return described
}

// Close forgets a shell and ends everything it started.
func (s *Shells) Close(id string) (protocol.Shell, error) {
	closing, err := s.Find(id)
	if err != nil {
		return protocol.Shell{}, err
	}
	if !s.remove(closing) {
		return protocol.Shell{}, protocol.Fail(protocol.CodeNotFound, "the shell %s is being closed already", id)
	}
	if !closing.endAll() {
		return protocol.Shell{}, protocol.Fail(protocol.CodeConflict, "the program of the shell %s does not end", id)
	}
	described := closing.Describe()
	closing.forget()
	return described, nil
}

// remove tells whether the caller is the one who took the shell out.
func (s *Shells) remove(shell *Shell) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.byID[shell.id] != shell {
		return false
	}
	delete(s.byID, shell.id)
	return true
}

// HangUp takes all terminals away: interactive shells would sit through the TERM of a machine that stops.
func (s *Shells) HangUp() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.isClosed = true
	for _, each := range s.byID {
		each.close()
	}
}
