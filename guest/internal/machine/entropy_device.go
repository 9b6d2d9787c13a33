package machine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

const (
	entropyDevicePath  = "/dev/hwrng"
	entropyDevicesPath = "/sys/class/misc/hw_random/rng_available"
	// fetchedBytesMax is twice what the kernel fetches ahead: 64 bytes in the driver, and 64 above it.
	fetchedBytesMax = 256
	// discardMax is for a device that never answers; by then, what was fetched is gone.
	discardMax = 5 * time.Second
)

// entropyDevice is a descriptor, or -1 where the monitor offers no such device. Looked for once, as a rule before a template is saved.
var entropyDevice = sync.OnceValues(openEntropyDevice)

func openEntropyDevice() (int, error) {
	names, err := os.ReadFile(entropyDevicesPath)
	if errors.Is(err, os.ErrNotExist) || err == nil && strings.TrimSpace(string(names)) == "" {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("look for an entropy device: %w", err)
	}
	device, err := unix.Open(entropyDevicePath, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open the entropy device: %w", err)
	}
	return device, nil
}

// forgetFetched throws away what the kernel has fetched from the entropy device before anybody asked: all clones of a template have
// the same of it.
func forgetFetched() error {
	device, err := entropyDevice()
	if err != nil || device < 0 {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- discard(device, fetchedBytesMax) }()
	select {
	case err := <-done:
		return err
	case <-time.After(discardMax):
		console.Say("the entropy device is silent")
		return nil
	}
}

func discard(device, size int) error {
	buffer := make([]byte, size)
	defer clear(buffer)
	for rest := buffer; len(rest) > 0; {
		n, err := unix.Read(device, rest)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENODEV):
			// The guest has taken it away, with all that was fetched.
			return nil
		case err == nil && n == 0:
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("read the entropy device: %w", err)
		}
		rest = rest[n:]
	}
	return nil
}
