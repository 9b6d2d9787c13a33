package agent

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/layer"
	"pyro.dev/guest/internal/machine"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/server"
)

const (
	targetDirectory = "/run/target"
	// builderMemoryGoalBytes leaves room for the widest zstd window.
	builderMemoryGoalBytes = 320 << 20
)

// targetOptions from the fastest to what any ext4 takes: the image is synced
// as a whole when it is finished, and thrown away if it never is.
var targetOptions = []string{
	"noinit_itable,nobarrier,data=writeback,commit=300",
	"noinit_itable,nobarrier",
	"",
}

func prepareBuilder(disks machine.Disks) (*server.Backend, error) {
	if disks.Environment == "" {
		return nil, errors.New("the machine has no disk to build on")
	}
	unmount, err := mountTarget(disks.Environment)
	if err != nil {
		return nil, fmt.Errorf("mount the target %s: %w", disks.Environment, err)
	}
	debug.SetMemoryLimit(builderMemoryGoalBytes)
	console.Say("target %s mounted", disks.Environment)
	return &server.Backend{
		Builder: layer.NewBuilder(targetDirectory, unmount),
		Stop:    unmount,
	}, nil
}

// mountTarget answers what unmounts it again.
func mountTarget(disk string) (unmount func() error, err error) {
	if err := os.MkdirAll(targetDirectory, 0o755); err != nil {
		return nil, err
	}
	for _, options := range targetOptions {
		err = unix.Mount(disk, targetDirectory, "ext4", unix.MS_NOATIME|unix.MS_NODEV, options)
		if err == nil || errors.Is(err, unix.EBUSY) {
			return unmountTarget, nil
		}
	}
	return nil, err
}

// unmountTarget is content with a target that is unmounted already.
func unmountTarget() error {
	err := unix.Unmount(targetDirectory, 0)
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return protocol.Fail(protocol.CodeInternal, "unmount the target: %v", err)
	}
	return nil
}
