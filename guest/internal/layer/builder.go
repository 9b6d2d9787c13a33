// Package layer makes an environment's disk out of image layers. Layers are
// hostile: every path in them is resolved by the kernel under the target's root,
// never by us, and never out of it.
package layer

import (
	"context"
	"io"
	"sync"

	"pyro.dev/guest/internal/protocol"
)

// Builder owns the disk being built.
type Builder struct {
	directory string
	// unmount ends the building; nil in tests.
	unmount func() error

	mutex    sync.Mutex
	finished bool
}

// NewBuilder builds in a directory, the target's root.
func NewBuilder(directory string, unmount func() error) *Builder {
	return &Builder{directory: directory, unmount: unmount}
}

// Apply unpacks one layer over what is there. The digest of it is sha256 or none.
func (b *Builder) Apply(ctx context.Context, digest string, body io.Reader) (*protocol.LayerApplied, error) {
	if !b.mutex.TryLock() {
		return nil, protocol.Fail(protocol.CodeConflict, "another layer is being applied")
	}
	defer b.mutex.Unlock()
	if b.finished {
		return nil, protocol.Fail(protocol.CodeConflict, "the image is finished")
	}
	source, err := openStream(ctx, digest, body)
	if err != nil {
		return nil, err
	}
	defer source.close()
	target, err := openTarget(b.directory)
	if err != nil {
		return nil, err
	}
	defer target.close()
	entryCount, err := unpack(source, target)
	if err != nil {
		return nil, err
	}
	return &protocol.LayerApplied{EntryCount: entryCount, Bytes: source.size(), DiffID: source.digest()}, nil
}
