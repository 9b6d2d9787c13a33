package tree

import (
	"errors"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// The library has no names for these: _IOWR('X', 119, int) and _IOWR('X', 120, int).
const (
	requestFreeze = 0xc0045877
	requestThaw   = 0xc0045878
)

// Freeze flushes the tree's file system and holds back everything that would
// write to it, until thaw is called.
func (t *Tree) Freeze() (thaw func(), err error) {
	err = unix.IoctlSetInt(t.root, requestFreeze, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, protocol.Fail(protocol.CodeConflict, "the data disk is frozen already")
	}
	if err != nil {
		return nil, protocol.Fail(protocol.CodeInternal, "freeze the data disk: %v", err)
	}
	return func() { _ = unix.IoctlSetInt(t.root, requestThaw, 0) }, nil
}
