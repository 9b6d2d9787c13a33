package layer

import (
	"archive/tar"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	attributePrefix     = "SCHILY.xattr."
	capabilityAttribute = "security.capability"
	userAttributes      = "user."
)

// setOwnerAndMode finishes an open file or directory. Attributes come last: a
// change of owner drops a file's capabilities.
func (p place) setOwnerAndMode(descriptor int, mustSetMode bool) error {
	if p.needsOwner() || mustSetMode {
		if err := unix.Fchown(descriptor, p.header.Uid, p.header.Gid); err != nil {
			return p.explain(err)
		}
	}
	// A change of owner, and a write, may have taken the special bits away.
	if mustSetMode || p.mode()&specialBits != 0 {
		if err := unix.Fchmod(descriptor, p.mode()); err != nil {
			return p.explain(err)
		}
	}
	return p.setAttributes(descriptor)
}

// setAttributes sets those that mean the same in every machine. The others are
// policy of the machine that packed them, and some steer our own overlay.
func (p place) setAttributes(descriptor int) error {
	for key, value := range p.header.PAXRecords {
		name, found := strings.CutPrefix(key, attributePrefix)
		if !found || name != capabilityAttribute && !strings.HasPrefix(name, userAttributes) {
			continue
		}
		if err := unix.Fsetxattr(descriptor, name, []byte(value), 0); err != nil {
			return refuse(p.header.Name, "has the attribute %s, which cannot be set: %v", quote(name), err)
		}
	}
	return nil
}

// fileTimes are access and change of content.
func fileTimes(header *tar.Header) []unix.Timespec {
	modified := unix.Timespec{Sec: header.ModTime.Unix(), Nsec: int64(header.ModTime.Nanosecond())}
	accessed := modified
	if !header.AccessTime.IsZero() {
		accessed = unix.Timespec{Sec: header.AccessTime.Unix(), Nsec: int64(header.AccessTime.Nanosecond())}
	}
	return []unix.Timespec{accessed, modified}
}
