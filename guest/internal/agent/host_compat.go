package agent

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/channel"
	"pyro.dev/guest/internal/compat"
	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/server"
)

const usage = "usage: --host-compat (--socket-fd N | --listen PATH) --root DIR"

// RunHostCompat serves as an ordinary process, without any wall: one client on
// a descriptor it was given, or one after the other on a socket of its own, so
// that it can outlive whoever started it.
func RunHostCompat(arguments []string) int {
	flags := flag.NewFlagSet("pyro-agent", flag.ContinueOnError)
	isCompat := flags.Bool("host-compat", false, "run commands on this host, without isolation")
	socket := flags.Int("socket-fd", -1, "inherited descriptor of the channel")
	path := flags.String("listen", "", "path of a unix socket to serve clients on")
	root := flags.String("root", "", "directory commands run in")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}
	if !*isCompat || (*socket < 0) == (*path == "") || *root == "" {
		console.Say(usage)
		return 2
	}
	listen := func() (net.Listener, error) { return channel.ListenDescriptor(*socket) }
	if *path != "" {
		listen = func() (net.Listener, error) { return channel.ListenSocket(*path) }
	}
	if err := runHostCompat(listen, *path, *root); err != nil {
		console.Say("fatal: %v", err)
		return 1
	}
	return 0
}

// runHostCompat also takes the path of its own socket, "" for none.
func runHostCompat(listen func() (net.Listener, error), path, root string) error {
	if status, err := os.Stat(root); err != nil || !status.IsDir() {
		return fmt.Errorf("root %q is not a directory", root)
	}
	takeIgnoredSignals()
	walls, err := compat.New()
	if err != nil {
		return err
	}
	files, err := compat.OpenTree(root)
	if err != nil {
		return err
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	end := func() {
		// Nothing is closed here: an answer may be on its way still.
		if path != "" {
			_ = os.Remove(path)
		}
		os.Exit(0)
	}
	serving := server.New(server.Backend{
		Walls:       walls,
		Root:        compat.Root,
		ServiceLogs: compat.ServiceLogs(root),
		Tree:        files,
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
		PowerOff: end,
	}, time.Now())
	stop := func() {
		serving.HangUp()
		walls.Stop()
	}
	onSignal(func() {
		stop()
		end()
	})
	err = serving.Serve(listener)
	serving.AwaitCommands()
	stop()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// onSignal ends what was started before this process ends.
func onSignal(end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	go func() {
		<-signals
		end()
	}()
}

// takeIgnoredSignals gives commands the signals that whoever started us ignores (as nohup does with HUP), which they would
// ignore as well: a closed terminal would end nothing on it. What a process catches, those it starts do not.
func takeIgnoredSignals() {
	dropped := make(chan os.Signal, 1)
	for number := unix.Signal(1); number < unix.Signal(32); number++ {
		if signal.Ignored(number) {
			signal.Notify(dropped, number)
		}
	}
}
