// Package shell keeps programs on terminals that outlive whoever opened them.
package shell

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/spawn"
	"pyro.dev/guest/internal/terminal"
)

const (
	readBytes = 16 << 10
	// gatherTime lets a busy program fill its terminal: the agent goes before programs
	// when the processor is scarce, and would otherwise wake for every line.
	gatherTime = time.Millisecond
	// hangUpGrace is how long the processes of a shell that is closed may take to end.
	hangUpGrace = 500 * time.Millisecond
	killedMax   = 10 * time.Second
)

// Shell is one program on its terminal.
type Shell struct {
	id       string
	process  *spawn.Process
	terminal *spawn.Terminal
	group    command.Group
	history  *history
	opened   time.Time
	attached atomic.Int32
	// ended is closed once the program has ended and all it wrote is in the history.
	ended  chan struct{}
	hangUp sync.Once
	// typing keeps what several people type apart.
	typing sync.Mutex

	mutex sync.Mutex
	// answering knows what the program may ask.
	answering *terminal.Terminal
	size      protocol.TerminalSize
	wrote     time.Time
	end       *protocol.End
}

// run starts what keeps a shell alive.
func (s *Shell) run() {
	read := make(chan struct{})
	go func() {
		defer close(read)
		s.readAll()
	}()
	go func() {
		end := s.await()
		// What is in the terminal at this moment is the program's; nobody can write more.
		_ = s.terminal.File.SetReadDeadline(time.Unix(1, 0))
		<-read
		s.close()
		s.mutex.Lock()
		s.end = end
		s.mutex.Unlock()
		s.history.end()
		close(s.ended)
	}()
}

func (s *Shell) await() *protocol.End {
	exit, err := s.process.Wait()
	end := &protocol.End{DurationMs: time.Since(s.opened).Milliseconds()}
	switch {
	case err != nil:
		end.NotStarted, end.Message = protocol.StartFailed, "the program was lost: "+err.Error()
	case exit.Signal != "":
		end.Signal = exit.Signal
	default:
		end.ExitCode = &exit.Code
	}
	if end.Signal != "" || exit.Code != 0 {
		end.OOMKilled = s.group.OOMKilled()
	}
	return end
}

// readAll takes what the program writes, until it has ended or its terminal was taken away.
func (s *Shell) readAll() {
	buffer := make([]byte, readBytes)
	for {
		n, err := s.terminal.File.Read(buffer)
		if n > 0 {
			s.take(buffer[:n])
		}
		s.takeRest(buffer)
		if err != nil {
			return
		}
		time.Sleep(gatherTime)
	}
}

// takeRest takes what is there already. It is bounded: a process that opens the terminal
// of a program that ended must not keep the shell from its end.
func (s *Shell) takeRest(buffer []byte) {
	for range historyBytesMax / readBytes {
		n := s.terminal.ReadNow(buffer)
		if n == 0 {
			return
		}
		s.take(buffer[:n])
	}
}

// take keeps what was written, and answers what it asked of its terminal.
func (s *Shell) take(output []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.wrote = time.Now()
	answer := s.answering.Write(output)
	// Typed into a line that is edited, an answer would be part of the next command.
	if len(answer) > 0 && !s.terminal.IsCanonical() {
		s.terminal.WriteNow(answer)
	}
	s.history.write(output)
}

// Describe says how it is.
func (s *Shell) Describe() protocol.Shell {
	first, next := s.history.bounds()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	described := protocol.Shell{
		ID:                s.id,
		PID:               s.process.InnerPID,
		TerminalSize:      s.size,
		AgeMs:             time.Since(s.opened).Milliseconds(),
		IdleMs:            time.Since(s.wrote).Milliseconds(),
		FirstPosition:     first,
		NextPosition:      next,
		ApplicationCursor: s.answering.ApplicationCursor(),
		BracketedPaste:    s.answering.BracketedPaste(),
		AttachedCount:     int(s.attached.Load()),
	}
	if s.end != nil {
		end := *s.end
		end.BackgroundProcessCount = s.group.ProcessCount()
		described.End = &end
	}
	return described
}

// howItEnded is nil while the program runs.
func (s *Shell) howItEnded() *protocol.End {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.end
}

// Resize changes the terminal's size.
func (s *Shell) Resize(size protocol.TerminalSize) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.terminal.Resize(spawn.TerminalSize{Columns: size.Columns, Rows: size.Rows}); err != nil {
		return s.explain(err)
	}
	s.size = size
	s.answering.Resize(size.Columns, size.Rows)
	s.history.resize(size)
	return nil
}

// Signal goes to what is in the terminal's foreground.
func (s *Shell) Signal(name string) error {
	signal, err := protocol.ParseSignal(name)
	if err != nil {
		return err
	}
	return s.explain(s.terminal.Signal(signal))
}

// close hangs up, which ends the program unless it ignores that.
func (s *Shell) close() { s.hangUp.Do(s.terminal.Close) }

// endAll ends everything the shell started, and tells whether the program itself ended.
func (s *Shell) endAll() bool {
	s.close()
	s.group.Terminate()
	if !s.group.AwaitEmpty(hangUpGrace) {
		s.group.Kill()
		s.group.AwaitEmpty(killedMax)
	}
	select {
	case <-s.ended:
		return true
	case <-time.After(killedMax):
		return false
	}
}

// forget gives back what a shell that ended holds; what it left behind runs on.
func (s *Shell) forget() {
	s.group.Release()
	s.history.forget()
}

func (s *Shell) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// explain says what it means that something could not be done to the terminal.
func (s *Shell) explain(err error) error {
	switch {
	case errors.Is(err, os.ErrClosed), errors.Is(err, unix.EIO):
		return protocol.Fail(protocol.CodeConflict, "the shell %s has ended", s.id)
	case errors.Is(err, unix.ESRCH):
		return protocol.Fail(protocol.CodeConflict, "no process is in the foreground of the shell %s", s.id)
	default:
		return err
	}
}
