// Package machine is what differs between clones of one template: disks,
// randomness, time and names.
package machine

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	environmentSerial = "pyro-env"
	dataSerial        = "pyro-data"
	targetSerial      = "pyro-target"
)

// Disks are device paths, empty where the machine has none.
type Disks struct {
	Environment string
	Data        string
	// Target is written to and read by nobody in the machine.
	Target string
}

// FindDisks goes by serial number, else by order: a VMM need not pass serials on.
func FindDisks() Disks { return findDisks("/sys/block") }

func findDisks(blocks string) Disks {
	paths, _ := filepath.Glob(blocks + "/vd*")
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	disks := Disks{}
	var unnamed []string
	for _, path := range paths {
		device := "/dev/" + filepath.Base(path)
		serial, _ := os.ReadFile(path + "/serial")
		switch strings.TrimSpace(string(serial)) {
		case environmentSerial:
			disks.Environment = device
		case dataSerial:
			disks.Data = device
		case targetSerial:
			disks.Target = device
		default:
			unnamed = append(unnamed, device)
		}
	}
	for _, place := range []*string{&disks.Environment, &disks.Data, &disks.Target} {
		if *place == "" && len(unnamed) > 0 {
			*place, unnamed = unnamed[0], unnamed[1:]
		}
	}
	return disks
}

// MountEnvironment mounts the shared disk; its journal is nobody's to replay.
// One that an earlier agent mounted stays.
func MountEnvironment(device, directory string) error {
	err := unix.Mount(device, directory, "ext4", unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOATIME, "noload")
	if err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mount the environment %s: %w", device, err)
	}
	return nil
}

// ForgetCached drops what the kernel read of a disk before the template was
// taken: behind the same name is another machine's disk now.
func ForgetCached(device string) error {
	file, err := os.Open(device)
	if err != nil {
		return fmt.Errorf("open the data disk: %w", err)
	}
	defer file.Close()
	if err := unix.IoctlSetInt(int(file.Fd()), unix.BLKFLSBUF, 0); err != nil {
		return fmt.Errorf("flush the data disk: %w", err)
	}
	return nil
}

// ForbidWrites makes the kernel refuse every write to a disk, its own included.
func ForbidWrites(device string) error {
	file, err := os.Open(device)
	if err != nil {
		return fmt.Errorf("open the data disk: %w", err)
	}
	defer file.Close()
	if err := unix.IoctlSetPointerInt(int(file.Fd()), unix.BLKROSET, 1); err != nil {
		return fmt.Errorf("forbid writes to the data disk: %w", err)
	}
	return nil
}
