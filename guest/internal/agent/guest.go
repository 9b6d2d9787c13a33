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
	"pyro.dev/guest/internal/machine"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/server"
	"pyro.dev/guest/internal/spawn"
	"pyro.dev/guest/internal/workload"
)

// memoryGoalBytes is where the collector starts to work harder: the agent lives
// in the memory the workload's limit leaves over.
const memoryGoalBytes = 40 << 20

// RunGuest is the agent proper in a machine; it returns only on failure.
func RunGuest() int {
	debug.SetMemoryLimit(memoryGoalBytes)
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
	if err := workload.PrepareCgroups(); err != nil {
		return fmt.Errorf("control groups: %w", err)
	}
	listener, err := channel.Listen()
	if err != nil {
		return err
	}
	backend, err := prepare(boot.ReadMode())
	if err != nil {
		return err
	}
	backend.BootID = machine.BootID()
	backend.PowerOff = powerOff
	serving := server.New(*backend, started)
	console.Say("ready")
	return serving.Serve(listener)
}

func prepare(mode boot.Mode) (*server.Backend, error) {
	disks := machine.FindDisks()
	if err := workload.PrepareDirectories(); err != nil {
		return nil, err
	}
	if mode == boot.ModeBuilder {
		return prepareBuilder(disks)
	}
	return prepareWorkspace(disks)
}

func prepareWorkspace(disks machine.Disks) (*server.Backend, error) {
	if disks.Environment == "" {
		return nil, fmt.Errorf("the machine has no environment disk")
	}
	if err := machine.MountEnvironment(disks.Environment, workload.EnvironmentDirectory); err != nil {
		return nil, err
	}
	console.Say("environment %s mounted", disks.Environment)
	walls := &workload.Workload{}
	if err := walls.Prepare(); err != nil {
		return nil, err
	}
	console.Say("workload prepared")
	return &server.Backend{
		Walls:    walls,
		Activate: func(request *protocol.ActivateRequest) error { return activate(walls, disks.Data, request) },
		Warm:     workload.Warm,
		Stop:     func() error { return stop(walls, disks.Data) },
	}, nil
}

func activate(walls *workload.Workload, disk string, request *protocol.ActivateRequest) error {
	if disk == "" {
		return protocol.Fail(protocol.CodeUnsupported, "the machine has no data disk")
	}
	if err := machine.AddEntropy(request.EntropyBytes()); err != nil {
		return err
	}
	request.ForgetEntropy()
	if err := machine.SetClock(request.UnixTime()); err != nil {
		return err
	}
	if err := machine.SetHostname(request.Hostname); err != nil {
		return err
	}
	if err := machine.ForgetCached(disk); err != nil {
		return err
	}
	return walls.Activate(disk, request)
}

// stop leaves the data disk as a clean unmount would. A second mount of the same
// disk is the same file system, and this one no command can be using.
func stop(walls *workload.Workload, disk string) error {
	walls.Stop()
	unix.Sync()
	return walls.CleanDisk(disk)
}

func powerOff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	os.Exit(1)
}

// machineStart is when the kernel started.
func machineStart() time.Time {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &up); err != nil {
		return time.Now()
	}
	return time.Now().Add(-time.Duration(up.Nano()))
}
