package boot

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

const (
	modulesDirectory = "/lib/modules/"
	modulesMax       = 256
)

// loadModules loads what the list names, in its order. A module that does not
// load is reported and skipped: the list serves machines with different devices.
func loadModules(listPath string) {
	list, err := os.ReadFile(listPath)
	if err != nil {
		console.Say("no module list: %v", err)
		return
	}
	for _, path := range parseModuleList(string(list)) {
		if err := loadModule(path); err != nil {
			console.Say("module %s: %v", path, err)
		}
	}
}

// parseModuleList answers absolute paths: a bare name lies beside the list, a
// relative path is one from the root of the initramfs.
func parseModuleList(text string) []string {
	var paths []string
	for line := range strings.Lines(text) {
		name := strings.TrimSpace(line)
		if name == "" || strings.HasPrefix(name, "#") || strings.ContainsRune(name, 0) {
			continue
		}
		switch {
		case strings.HasPrefix(name, "/"):
		case strings.Contains(name, "/"):
			name = "/" + name
		default:
			name = modulesDirectory + name
		}
		if len(paths) == modulesMax {
			break
		}
		paths = append(paths, name)
	}
	return paths
}

func loadModule(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	err = unix.FinitModule(int(file.Fd()), "", 0)
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
