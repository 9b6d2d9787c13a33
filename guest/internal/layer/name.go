package layer

import (
	"path"
	"strings"

	"pyro.dev/guest/internal/protocol"
)

const (
	nameBytesMax      = 4095
	componentBytesMax = 255

	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
)

// entryName is where an entry goes: a directory under the root, "" for the root
// itself, and a name in it, "" for the directory itself.
type entryName struct {
	parent, base string
}

// full is the whole path.
func (n entryName) full() string { return path.Join(n.parent, n.base) }

// parseName refuses what could only be meant to leave the root. An absolute name
// is one from the root, which is what the others are as well.
func parseName(name string) (entryName, error) {
	if name == "" {
		return entryName{}, refuse(name, "has an empty name")
	}
	if len(name) > nameBytesMax {
		return entryName{}, protocol.Fail(protocol.CodeLimitExceeded, "entry %.100q… has a name of %d bytes, at most %d are taken", name, len(name), nameBytesMax)
	}
	return splitName(name)
}

// parseLinkTarget reads the name a hard link points to. Some builders write
// those as paths from the root, which is all they can be anyway.
func parseLinkTarget(entry, target string) (entryName, error) {
	trimmed := strings.TrimLeft(target, "/")
	if trimmed == "" || len(trimmed) > nameBytesMax {
		return entryName{}, refuse(entry, "is a hard link to nothing that can be named")
	}
	name, err := splitName(trimmed)
	if err != nil || name.base == "" {
		return entryName{}, refuse(entry, "is a hard link to %.200q", target)
	}
	return name, nil
}

func splitName(name string) (entryName, error) {
	kept := make([]string, 0, 16)
	for component := range strings.SplitSeq(name, "/") {
		switch {
		case component == "" || component == ".":
			continue
		case component == "..":
			return entryName{}, refuse(name, "leaves its directory by \"..\"")
		case len(component) > componentBytesMax:
			return entryName{}, refuse(name, "has a component of more than %d bytes", componentBytesMax)
		case strings.ContainsRune(component, 0):
			return entryName{}, refuse(name, "has a NUL byte in its name")
		}
		kept = append(kept, component)
	}
	if len(kept) == 0 {
		return entryName{}, nil
	}
	last := len(kept) - 1
	return entryName{parent: strings.Join(kept[:last], "/"), base: kept[last]}, nil
}

// parseWhiteout answers the name a whiteout hides; the marker of an opaque
// directory hides "".
func parseWhiteout(name entryName, original string) (hidden string, isWhiteout bool, err error) {
	for component := range strings.SplitSeq(name.parent, "/") {
		if strings.HasPrefix(component, whiteoutPrefix) {
			return "", false, refuse(original, "is inside a whiteout")
		}
	}
	if !strings.HasPrefix(name.base, whiteoutPrefix) {
		return "", false, nil
	}
	if name.base == opaqueMarker {
		return "", true, nil
	}
	hidden = strings.TrimPrefix(name.base, whiteoutPrefix)
	if hidden == "" || hidden == "." || hidden == ".." || strings.HasPrefix(hidden, whiteoutPrefix) {
		return "", false, refuse(original, "is a whiteout of nothing")
	}
	return hidden, true, nil
}

func refuse(entry, format string, values ...any) error {
	failure := protocol.Fail(protocol.CodeArchiveRefused, format, values...)
	failure.Message = "entry " + quote(entry) + " " + failure.Message
	return failure
}
