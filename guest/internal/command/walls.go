// Package command runs one command from its request to its last frame.
package command

import (
	"time"

	"pyro.dev/guest/internal/spawn"
)

// Walls is where commands run: the workload of a machine, or the host itself.
type Walls interface {
	// NewGroup takes the name by which the host knows whose processes these are; "" for none.
	NewGroup(label string) (Group, error)
	Start(command *spawn.Command, group Group) (*spawn.Process, *spawn.NotStarted)
}

// Group is a command and everything it started, however it hid.
type Group interface {
	// Terminate asks every process to end.
	Terminate()
	// Kill ends every process.
	Kill()
	// AwaitEmpty tells whether all ended in that time.
	AwaitEmpty(limit time.Duration) bool
	ProcessCount() int
	// OOMKilled tells whether the kernel ended a process for want of memory.
	OOMKilled() bool
	// Release gives the group back; what still runs in it keeps running.
	Release()
}
