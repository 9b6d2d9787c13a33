package spawn

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// findProgram looks a name up as a shell does, relative to the thread's working directory.
func findProgram(name, path string) (string, *NotStarted) {
	if strings.Contains(name, "/") {
		return name, explainLookup(name, checkProgram(name))
	}
	var denied string
	for directory := range strings.SplitSeq(path, ":") {
		if directory == "" {
			directory = "."
		}
		candidate := directory + "/" + name
		err := checkProgram(candidate)
		if err == nil {
			return candidate, nil
		}
		if errors.Is(err, unix.EACCES) && denied == "" {
			denied = candidate
		}
	}
	if denied != "" {
		return "", explainLookup(denied, unix.EACCES)
	}
	return "", notStarted(protocol.CommandNotFound, "no program %.200q in PATH %.400q", name, path)
}

func explainLookup(path string, err error) *NotStarted {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return notStarted(protocol.PermissionDenied, "%.200q may not be executed", path)
	case errors.Is(err, unix.EISDIR):
		return notStarted(protocol.PermissionDenied, "%.200q is a directory", path)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return notStarted(protocol.CommandNotFound, "%.200q does not exist", path)
	default:
		return notStarted(protocol.CommandNotFound, "%.200q: %v", path, err)
	}
}

func checkProgram(path string) error {
	var status unix.Stat_t
	if err := unix.Stat(path, &status); err != nil {
		return err
	}
	switch status.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return unix.EISDIR
	default:
		return unix.EACCES
	}
	return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
}
