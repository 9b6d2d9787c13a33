package command

import (
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/spawn"
)

// Defaults apply where a request names nothing.
type Defaults struct {
	User        string
	Environment []string
	Cwd         string
}

// Command is a program as the workspace starts it; its files are still to be given.
func (d *Defaults) Command(program *protocol.Program) *spawn.Command {
	command := &spawn.Command{
		Arguments:   plain(program.Command),
		Defaults:    d.Environment,
		Environment: plain(program.Env),
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

func plain(texts []protocol.Text) []string {
	strings := make([]string, len(texts))
	for i, text := range texts {
		strings[i] = string(text)
	}
	return strings
}
