// Package compat runs commands on the host itself, without walls. What a machine
// does with control groups, it does by looking at processes.
package compat

import (
	"crypto/rand"
	"os"
	"strconv"
	"sync/atomic"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/identity"
	"pyro.dev/guest/internal/spawn"
)

// markVariable is in the environment of every command and of all it starts: it
// finds those that left their session and their parent.
const markVariable = "PYRO_COMMAND"

// Walls is the host's side of what a workload is in a machine.
type Walls struct {
	starter *spawn.Starter
	// mark tells this agent's commands from those of another.
	mark string
	made atomic.Int64
}

// New starts the thread commands are started from.
func New() (*Walls, error) {
	thread, err := spawn.NewThread(spawn.Nowhere)
	if err != nil {
		return nil, err
	}
	self := identity.Identity{
		UID:  uint32(os.Getuid()),
		GID:  uint32(os.Getgid()),
		Name: os.Getenv("USER"),
		Home: os.Getenv("HOME"),
	}
	return &Walls{
		starter: &spawn.Starter{Thread: thread, Self: &self},
		mark:    rand.Text(),
	}, nil
}

// NewGroup marks one command and everything it starts.
func (w *Walls) NewGroup(string) (command.Group, error) {
	return &group{mark: markVariable + "=" + w.mark + "-" + strconv.FormatInt(w.made.Add(1), 10)}, nil
}

// Start starts one command as the agent's own user, unless another is named.
func (w *Walls) Start(wanted *spawn.Command, in command.Group) (*spawn.Process, *spawn.NotStarted) {
	wanted.Environment = append(wanted.Environment, in.(*group).mark)
	return w.starter.Start(wanted)
}

// Stop ends what any command of this agent left behind.
func (w *Walls) Stop() {
	all := &group{mark: markVariable + "=" + w.mark + "-", isPrefix: true}
	all.Terminate()
	if !all.AwaitEmpty(stopGrace) {
		all.Kill()
	}
}
