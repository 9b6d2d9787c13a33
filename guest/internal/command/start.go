package command

import (
	"pyro.dev/guest/internal/outputs"
	"pyro.dev/guest/internal/spawn"
)

// Started is a command that runs without input, whose outputs are the caller's.
type Started struct {
	Process *spawn.Process
	// Group is to be released by the caller.
	Group Group
	// Outputs are to be closed by the caller.
	Outputs *outputs.Reader
}

// Start starts a command in a group of its own, which has the label. Its error is about the agent, not the command.
func Start(walls Walls, label string, wanted *spawn.Command) (*Started, *spawn.NotStarted, error) {
	group, err := walls.NewGroup(label)
	if err != nil {
		return nil, nil, err
	}
	ends, err := openPipes(false)
	if err != nil {
		group.Release()
		return nil, nil, err
	}
	wanted.Files = ends.childEnds
	process, refusal := walls.Start(wanted, group)
	ends.closeChildEnds()
	if refusal != nil {
		ends.close()
		group.Release()
		return nil, refusal, nil
	}
	return &Started{Process: process, Group: group, Outputs: ends.outputs}, nil, nil
}
