package spawn

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/identity"
	"pyro.dev/guest/internal/protocol"
)

// Command is one program to start.
type Command struct {
	Arguments []string
	// Defaults are overridden by Environment.
	Defaults, Environment []string
	Cwd                   string
	User                  string
	// Files become standard input, output and error; they must block.
	Files [3]int
	// Terminal is the size of one that is opened for the command, in place of files; nil for none.
	Terminal *TerminalSize
	// Cgroup is a directory's descriptor, -1 for none.
	Cgroup int
}

// NotStarted says why a command never started.
type NotStarted struct {
	Reason  protocol.NotStartedReason
	Message string
	// MayBeNamespace: perhaps the namespaces' first process is ending, and nothing starts in them any more.
	MayBeNamespace bool
}

func (n *NotStarted) Error() string { return n.Message }

func notStarted(reason protocol.NotStartedReason, format string, values ...any) *NotStarted {
	return &NotStarted{Reason: reason, Message: fmt.Sprintf(format, values...)}
}

// Starter starts commands on its thread.
type Starter struct {
	Thread *Thread
	// Self is who runs commands that name no user; nil means the root's own user 0.
	Self  *identity.Identity
	users identityCache
	// forks keeps the moment of being killable to one thread at a time.
	forks sync.Mutex
}

// Start runs one command; the caller keeps its own copies of the files.
func (s *Starter) Start(command *Command) (*Process, *NotStarted) {
	var process *Process
	var refusal *NotStarted
	s.Thread.Do(func() { process, refusal = s.startHere(command) })
	if process != nil {
		// Not on the thread, whose /proc knows nothing of the agent.
		process.InnerPID = innerPID(process.PID, process.handle)
	}
	return process, refusal
}

func (s *Starter) startHere(command *Command) (*Process, *NotStarted) {
	who, refusal := s.identify(command.User)
	if refusal != nil {
		return nil, refusal
	}
	environment := mergeEnvironment(who, command.Defaults, command.Environment)
	path, refusal := s.lookUp(command, who, environment)
	defer func() { _ = unix.Chdir("/") }()
	if refusal != nil {
		return nil, refusal
	}
	terminal, refusal := giveTerminal(command, who)
	if refusal != nil {
		return nil, refusal
	}
	process, refusal := s.fork(command, path, environment, who)
	if refusal != nil && terminal != nil {
		terminal.Close()
	}
	if refusal != nil {
		return nil, refusal
	}
	process.Terminal = terminal
	return process, nil
}

// giveTerminal answers nil where the command has files.
func giveTerminal(command *Command, who identity.Identity) (*Terminal, *NotStarted) {
	if command.Terminal == nil {
		return nil, nil
	}
	restore := assume(who)
	defer restore()
	terminal, err := openTerminal(*command.Terminal)
	if err != nil {
		return nil, explainTerminal(err)
	}
	command.Files = [3]int{terminal.other, terminal.other, terminal.other}
	return terminal, nil
}

func (s *Starter) fork(command *Command, path string, environment []string, who identity.Identity) (*Process, *NotStarted) {
	pidfd := -1
	attributes := &syscall.ProcAttr{
		Env:   environment,
		Files: []uintptr{uintptr(command.Files[0]), uintptr(command.Files[1]), uintptr(command.Files[2])},
		Sys: &syscall.SysProcAttr{
			Setsid:      true,
			Setctty:     command.Terminal != nil,
			Credential:  credential(who),
			UseCgroupFD: command.Cgroup >= 0,
			CgroupFD:    command.Cgroup,
			PidFD:       &pidfd,
		},
	}
	s.forks.Lock()
	allowKilling(true)
	pid, err := syscall.ForkExec(path, command.Arguments, attributes)
	allowKilling(false)
	s.forks.Unlock()
	if err != nil {
		return nil, explain(err, path, command)
	}
	return newProcess(pid, pidfd)
}

func (s *Starter) identify(user string) (identity.Identity, *NotStarted) {
	if user == "" && s.Self != nil {
		return *s.Self, nil
	}
	return s.users.resolve(user)
}

// lookUp enters the command's directory and finds its program, both with the
// rights of the user: what it answers, the command itself would see. The thread
// stays in the directory, which the child inherits.
func (s *Starter) lookUp(command *Command, who identity.Identity, environment []string) (string, *NotStarted) {
	restore := assume(who)
	defer restore()
	if refusal := enterDirectory(command.Cwd); refusal != nil {
		return "", refusal
	}
	return findProgram(command.Arguments[0], variable(environment, "PATH"))
}

func enterDirectory(path string) *NotStarted {
	err := unix.Chdir(path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EACCES):
		return notStarted(protocol.PermissionDenied, "the working directory %.200q may not be entered", path)
	case errors.Is(err, unix.ENOTDIR):
		return notStarted(protocol.CwdNotFound, "the working directory %.200q is not a directory", path)
	default:
		return notStarted(protocol.CwdNotFound, "the working directory %.200q: %v", path, err)
	}
}

func explain(err error, path string, command *Command) *NotStarted {
	switch {
	case errors.Is(err, unix.ENOMEM):
		refusal := notStarted(protocol.StartFailed, "no memory to start %.200q", path)
		// The kernel says so both when memory is short and when a namespace ends.
		refusal.MayBeNamespace = true
		return refusal
	case errors.Is(err, unix.EAGAIN):
		return notStarted(protocol.ProcessLimit, "no more processes may be started: the workspace is at its limit")
	case errors.Is(err, unix.ENOSPC):
		return notStarted(protocol.NoSpace, "starting %.200q: %v", path, err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return notStarted(protocol.PermissionDenied, "%.200q may not be executed as user %.60q: %v", path, command.User, err)
	case errors.Is(err, unix.ENOEXEC):
		return notStarted(protocol.NotExecutable, "%.200q is neither a program nor a script with a #! line", path)
	case errors.Is(err, unix.ENOENT):
		return notStarted(protocol.NotExecutable, "the interpreter of %.200q does not exist", path)
	case errors.Is(err, unix.ELIBBAD):
		return notStarted(protocol.NotExecutable, "the interpreter of %.200q is no program", path)
	case errors.Is(err, unix.E2BIG):
		return notStarted(protocol.StartFailed, "the arguments and environment of %.200q are too long for the system", path)
	default:
		return notStarted(protocol.StartFailed, "starting %.200q: %v", path, err)
	}
}

// killability is the agent's own oom_score_adj; nil under host-compat.
var killability *os.File

// Protect keeps the kernel's memory killer away from the calling process, but
// not from the commands it starts.
func Protect() error {
	file, err := os.OpenFile("/proc/self/oom_score_adj", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	killability = file
	allowKilling(false)
	return nil
}

// IgnoreEnds keeps the ends of commands from interrupting the agent by a signal, whose handling only the runtime asked for:
// handles tell of them. The default, unlike ignoring, leaves their exit codes to be waited for.
func IgnoreEnds() {
	var byDefault struct{ handler, flags, restorer, mask uintptr }
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&byDefault)), 0, unsafe.Sizeof(byDefault.mask), 0, 0)
}

// allowKilling exists because children inherit the score at the fork, and one
// that is lowered afterwards may have children of its own by then.
func allowKilling(allowed bool) {
	if killability == nil {
		return
	}
	score := "-1000"
	if allowed {
		score = "0"
	}
	_, _ = killability.WriteAt([]byte(score), 0)
}
