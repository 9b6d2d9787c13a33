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
	return parseMode(commandLine())
}

func parseMode(cmdline string) Mode {
	if lastValue(cmdline, "pyro.mode=") == "builder" {
		return ModeBuilder
	}
	return ModeWorkspace
}

// commandLine is the kernel's; empty where nobody can tell.
func commandLine() string {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return ""
	}
	return string(text)
}

// lastValue takes the last of several, as the kernel does with its own parameters.
func lastValue(cmdline, prefix string) string {
	last := ""
	for _, word := range strings.Fields(cmdline) {
		if value, found := strings.CutPrefix(word, prefix); found {
			last = value
		}
	}
	return last
}
