package boot

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

// ModprobeArgument is what the kernel calls whoever loads its modules with.
const ModprobeArgument = "-q"

const (
	onDemandDirectory = modulesDirectory + "on-demand/"
	modprobeSetting   = "/proc/sys/kernel/modprobe"
)

// offerModules lets the kernel ask this program for modules that it lacks.
func offerModules() {
	if err := os.WriteFile(modprobeSetting, []byte("/init"), 0); err != nil {
		console.Say("no modules on demand: %v", err)
	}
}

// Modprobe loads the module that the kernel asks for, by its name or one of its aliases.
func Modprobe(arguments []string) int {
	index, err := os.ReadFile(onDemandDirectory + "index")
	if err != nil {
		return 1
	}
	names := findModule(string(index), arguments[len(arguments)-1])
	for _, name := range names {
		if loadPacked(onDemandDirectory+name+".ko.gz") != nil {
			return 1
		}
	}
	if len(names) == 0 {
		return 1
	}
	return 0
}

// findModule answers a module behind those it needs, from an index with a line for
// each: its name, a tab, what it needs, a tab, its aliases.
func findModule(index, wanted string) []string {
	wanted = spelled(wanted)
	for line := range strings.Lines(index) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(columns) != 3 {
			continue
		}
		if columns[0] == wanted || isAlias(columns[2], wanted) {
			return append(strings.Fields(columns[1]), columns[0])
		}
	}
	return nil
}

func isAlias(patterns, wanted string) bool {
	for pattern := range strings.FieldsSeq(patterns) {
		if matches, err := path.Match(spelled(pattern), wanted); err == nil && matches {
			return true
		}
	}
	return false
}

// spelled is a name as modules spell it; the kernel does so in either way.
func spelled(name string) string { return strings.ReplaceAll(name, "-", "_") }

func loadPacked(file string) error {
	packed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	module, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	if err := unix.InitModule(module, ""); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load %s: %w", file, err)
	}
	return nil
}
