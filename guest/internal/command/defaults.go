package command

import (
	"slices"

	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/spawn"
)

// Defaults apply where a request names nothing.
type Defaults struct {
	User        string
	Environment []string
	// Offline goes before Environment in a machine that nothing gets out of.
	Offline []string
	// Brokered goes after Environment: it says whom to trust, and what to show instead of what nobody here has.
	Brokered []string
	Cwd      string
}

// Command is a program as the workspace starts it; its files are still to be given.
func (d *Defaults) Command(program *protocol.Program) *spawn.Command {
	command := &spawn.Command{
		Arguments:   Plain(program.Command),
		Defaults:    slices.Concat(d.Offline, d.Environment, d.Brokered),
		Environment: Plain(program.Env),
		Cwd:         string(program.Cwd),
		User:        program.User,
		Cgroup:      -1,
	}
	if command.Cwd == "" {
		command.Cwd = d.Cwd
	}
	if command.User == "" {
		command.User = d.User
	}
	return command
}

// Plain is texts without their spelling on the wire.
func Plain(texts []protocol.Text) []string {
	strings := make([]string, len(texts))
	for i, text := range texts {
		strings[i] = string(text)
	}
	return strings
}
