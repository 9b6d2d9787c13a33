package agent

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"pyro.dev/guest/internal/channel"
	"pyro.dev/guest/internal/compat"
	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/machine"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/server"
)

const usage = "usage: --host-compat --socket-fd N --root DIR"

// RunHostCompat serves one client as an ordinary process, without any wall.
func RunHostCompat(arguments []string) int {
	flags := flag.NewFlagSet("pyro-agent", flag.ContinueOnError)
	isCompat := flags.Bool("host-compat", false, "run commands on this host, without isolation")
	socket := flags.Int("socket-fd", -1, "inherited descriptor of the channel")
	root := flags.String("root", "", "directory commands run in")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}
	if !*isCompat || *socket < 0 || *root == "" {
		console.Say(usage)
		return 2
	}
	if err := runHostCompat(*socket, *root); err != nil {
		console.Say("fatal: %v", err)
		return 1
	}
	return 0
}

func runHostCompat(socket int, root string) error {
	if status, err := os.Stat(root); err != nil || !status.IsDir() {
		return fmt.Errorf("root %q is not a directory", root)
	}
	listener, err := channel.ListenDescriptor(socket)
	if err != nil {
		return err
	}
	walls, err := compat.New()
	if err != nil {
		return err
	}
	serving := server.New(server.Backend{
		Walls: walls,
		Activate: func(request *protocol.ActivateRequest) error {
			// The machine's directory is this one here, and nothing else is the agent's to change.
			request.ForgetEntropy()
			request.DefaultCwd = protocol.Text(root)
			return nil
		},
		Stop: func() error {
			walls.Stop()
			return nil
		},
		PowerOff: func() { os.Exit(0) },
		BootID:   machine.BootID(),
	}, time.Now())
	err = serving.Serve(listener)
	serving.AwaitCommands()
	walls.Stop()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
