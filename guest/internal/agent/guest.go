// Package agent puts the parts together, for a machine and for host-compat.
package agent

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/boot"
	"pyro.dev/guest/internal/channel"
	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/egress"
	"pyro.dev/guest/internal/machine"
	"pyro.dev/guest/internal/pace"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/server"
	"pyro.dev/guest/internal/spawn"
	"pyro.dev/guest/internal/steering"
	"pyro.dev/guest/internal/workload"
)

// memoryGoalBytes is where the collector starts to work harder: the agent lives
// in the memory the workload's limit leaves over.
const memoryGoalBytes = 40 << 20

// RunGuest is the agent proper in a machine; it returns only on failure.
func RunGuest() int {
	debug.SetMemoryLimit(memoryGoalBytes)
	pace.Begin()
	if err := runGuest(); err != nil {
		console.Say("fatal: %v", err)
	}
	return 1
}

func runGuest() error {
	started := machineStart()
	if err := spawn.Protect(); err != nil {
		return fmt.Errorf("protect the agent: %w", err)
	}
	spawn.IgnoreEnds()
	if err := workload.PrepareCgroups(); err != nil {
		return fmt.Errorf("control groups: %w", err)
	}
	listener, err := channel.Listen(len(os.Args) > 2 && os.Args[2] == boot.SuccessorArgument)
	if err != nil {
		return err
	}
	backend, earlier, err := prepare(boot.ReadMode())
	if err != nil {
		return err
	}
	backend.PowerOff = boot.PowerOff
	serving := server.New(*backend, started)
	if earlier != nil {
		serving.Activated(earlier)
	}
	console.Say("ready")
	return serving.Serve(listener)
}

// prepare also answers the activation of an agent that died in this machine.
func prepare(mode boot.Mode) (*server.Backend, *protocol.ActivateRequest, error) {
	disks := machine.FindDisks()
	if mode == boot.ModeBuilder {
		backend, err := prepareBuilder(disks)
		return backend, nil, err
	}
	walls, err := prepareWorkload(disks)
	if err != nil {
		return nil, nil, err
	}
	backend := workspaceBackend(walls, disks)
	earlier := loadRecord()
	if earlier == nil {
		return backend, nil, nil
	}
	console.Say("going on where another agent died")
	if err := steering.Clear(); err != nil {
		console.Say("%v", err)
	}
	if err := walls.Activate(disks.Data, earlier); err != nil {
		return nil, nil, fmt.Errorf("activate again: %w", err)
	}
	return backend, earlier, nil
}

func prepareWorkload(disks machine.Disks) (*workload.Workload, error) {
	if disks.Environment == "" {
		return nil, fmt.Errorf("the machine has no environment disk")
	}
	if err := workload.PrepareDirectories(); err != nil {
		return nil, err
	}
	workload.EndEarlier()
	if err := machine.MountEnvironment(disks.Environment, workload.EnvironmentDirectory); err != nil {
		return nil, err
	}
	console.Say("environment %s mounted", disks.Environment)
	walls := &workload.Workload{}
	if err := walls.Prepare(); err != nil {
		return nil, err
	}
	console.Say("workload prepared")
	return walls, nil
}

func workspaceBackend(walls *workload.Workload, disks machine.Disks) *server.Backend {
	looking := &offline{disks: disks, running: walls.Tree}
	return &server.Backend{
		Walls:       walls,
		Root:        walls.Root,
		ServiceLogs: walls.ServiceLogs,
		Activate: func(request *protocol.ActivateRequest) error {
			if err := activate(walls, disks.Data, request); err != nil {
				return err
			}
			// Not on the way of the answer.
			go walls.WithRequest(saveRecord)
			return nil
		},
		Renew: func(identity *protocol.Identity) error {
			if err := renew(walls, identity); err != nil {
				return err
			}
			go walls.WithRequest(saveRecord)
			return nil
		},
		CorrectClock: machine.CorrectClock,
		HoldSecrets:  walls.HoldSecrets,
		Trust:        walls.Trust,
		Warm:         workload.Warm,
		Tree:         looking.tree,
		OpenDisk:     looking.open,
		ExportDisk:   looking.export,
		CanFreeze:    true,
		Egress:       egress.New(egress.Places{WriteResolver: walls.WriteResolver, Owner: walls.Owner}),
		Stop:         func() error { return stop(walls, disks.Data) },
	}
}

func activate(walls *workload.Workload, disk string, request *protocol.ActivateRequest) error {
	if disk == "" {
		return protocol.Fail(protocol.CodeUnsupported, "the machine has no data disk")
	}
	if err := assume(&request.Identity); err != nil {
		return err
	}
	if err := machine.ForgetCached(disk); err != nil {
		return err
	}
	return walls.Activate(disk, request)
}

// renew is for a clone whose template was activated: its root is mounted, and
// all that is left is to tell it who and when it is.
func renew(walls *workload.Workload, identity *protocol.Identity) error {
	if err := assume(identity); err != nil {
		return err
	}
	return walls.Rename(identity)
}

// assume makes the kernel's part of an identity the machine's.
func assume(identity *protocol.Identity) error {
	if err := machine.AddEntropy(identity.EntropyBytes()); err != nil {
		return err
	}
	identity.ForgetEntropy()
	if err := machine.SetClock(identity.UnixTime()); err != nil {
		return err
	}
	return machine.SetHostname(identity.Hostname)
}

// stop leaves the data disk as a clean unmount would. A second mount of the same
// disk is the same file system, and this one no command can be using.
func stop(walls *workload.Workload, disk string) error {
	walls.Stop()
	unix.Sync()
	return walls.CleanDisk(disk)
}

// machineStart is when the kernel started.
func machineStart() time.Time {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &up); err != nil {
		return time.Now()
	}
	return time.Now().Add(-time.Duration(up.Nano()))
}
