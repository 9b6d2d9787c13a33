// Package layer makes an environment's disk out of image layers. Layers are
// hostile: every path in them is resolved by the kernel under the target's root,
// never by us, and never out of it.
package layer

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// Builder owns the disk being built.
type Builder struct {
	directory string
	// unmount ends the building; nil in tests.
	unmount func() error

	mutex    sync.Mutex
	finished bool
	// lastChange is the time at the end of the last layer.
	lastChange int64
}

// NewBuilder builds in a directory, the target's root.
func NewBuilder(directory string, unmount func() error) *Builder {
	return &Builder{directory: directory, unmount: unmount}
}

// Apply unpacks one layer over what is there.
func (b *Builder) Apply(ctx context.Context, form Form, body io.Reader) (*protocol.LayerApplied, error) {
	if !b.mutex.TryLock() {
		return nil, protocol.Fail(protocol.CodeConflict, "another layer is being applied")
	}
	defer b.mutex.Unlock()
	if b.finished {
		return nil, protocol.Fail(protocol.CodeConflict, "the image is finished")
	}
	source, err := openStream(ctx, form, body)
	if err != nil {
		return nil, err
	}
	defer source.close()
	target, err := openTarget(b.directory, b.awaitNewTime())
	if err != nil {
		return nil, err
	}
	defer target.close()
	defer func() { b.lastChange = readClock(unix.CLOCK_REALTIME) }()
	entryCount, err := unpack(source, target)
	if err != nil {
		return nil, err
	}
	return &protocol.LayerApplied{EntryCount: entryCount, Bytes: source.size(), DiffID: source.digest()}, nil
}

// awaitNewTime answers a file time that no earlier layer's entries have. What
// this layer made is told from what it found by that alone. File systems stamp
// with a clock that advances in ticks, newer ones at times with the exact one,
// which is ahead of it.
func (b *Builder) awaitNewTime() int64 {
	for {
		now := readClock(unix.CLOCK_REALTIME_COARSE)
		if now > b.lastChange {
			return now
		}
		time.Sleep(time.Millisecond)
	}
}

func readClock(clock int32) int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(clock, &now); err != nil {
		panic(fmt.Sprintf("layer: no clock %d: %v", clock, err))
	}
	return now.Nano()
}
