package tree

import (
	"bytes"
	"strconv"

	"pyro.dev/guest/internal/protocol"
)

// Limits of a path: what the kernel takes at once, and a depth no tree of a user has.
const (
	pathBytesMax      = 4095
	componentBytesMax = 255
	componentsMax     = 1000
	quotedBytesMax    = 200
)

// CheckPath refuses every path that is not a plain way down from the tree's own
// directory, which is the empty path.
func CheckPath(path []byte) error {
	if reason := pathFault(path); reason != "" {
		return protocol.Fail(protocol.CodeBadRequest, "the path %s %s", quote(path), reason)
	}
	return nil
}

// pathFault is empty for a path that is taken.
func pathFault(path []byte) string {
	if len(path) == 0 {
		return ""
	}
	if len(path) > pathBytesMax {
		return "has more than " + strconv.Itoa(pathBytesMax) + " bytes"
	}
	if bytes.IndexByte(path, 0) >= 0 {
		return "contains a NUL byte"
	}
	for count, start := 1, 0; ; count++ {
		if count > componentsMax {
			return "has more than " + strconv.Itoa(componentsMax) + " components"
		}
		end := bytes.IndexByte(path[start:], '/')
		if end < 0 {
			return componentFault(path[start:])
		}
		if reason := componentFault(path[start : start+end]); reason != "" {
			return reason
		}
		start += end + 1
	}
}

func componentFault(component []byte) string {
	switch {
	case len(component) == 0:
		return "has an empty component"
	case len(component) > componentBytesMax:
		return "has a component of more than " + strconv.Itoa(componentBytesMax) + " bytes"
	case component[0] == '.' && (len(component) == 1 || len(component) == 2 && component[1] == '.'):
		return "has a component that is . or .."
	}
	return ""
}

// split answers the directory, empty for the tree's own, and the last component.
func split(path []byte) (directory, name []byte) {
	slash := bytes.LastIndexByte(path, '/')
	if slash < 0 {
		return nil, path
	}
	return path[:slash], path[slash+1:]
}

func quote(path []byte) string {
	if len(path) > quotedBytesMax {
		path = path[:quotedBytesMax]
	}
	return strconv.QuoteToASCII(string(path))
}
