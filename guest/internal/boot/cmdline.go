package boot

import (
	"os"
	"strings"
)

// Mode is what the machine was booted for.
type Mode int

const (
	ModeWorkspace Mode = iota
	// ModeBuilder has one disk, the blank image that becomes an environment.
	ModeBuilder
)

// ReadMode reads the mode from the kernel's command line.
func ReadMode() Mode {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return ModeWorkspace
	}
	return parseMode(string(text))
}

// parseMode takes the last `pyro.mode=`, as the kernel does with its own parameters.
func parseMode(cmdline string) Mode {
	mode := ModeWorkspace
	for _, word := range strings.Fields(cmdline) {
		value, found := strings.CutPrefix(word, "pyro.mode=")
		if !found {
			continue
		}
		mode = ModeWorkspace
		if value == "builder" {
			mode = ModeBuilder
		}
	}
	return mode
}
