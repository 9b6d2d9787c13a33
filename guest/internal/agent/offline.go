package agent

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/machine"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/replica"
	"pyro.dev/guest/internal/tree"
	"pyro.dev/guest/internal/workload"
)

const (
	// exportMemoryGoalBytes is for the names of files that have several.
	exportMemoryGoalBytes = 320 << 20
	reportEvery           = 250 * time.Millisecond
)

// offline is what a machine does that was made to look at the disk of one that does not run.
type offline struct {
	disks machine.Disks
	// running answers the tree of a machine that was not.
	running func() (*tree.Tree, error)
	opened  atomic.Pointer[workload.Offline]
}

func (o *offline) open(request *protocol.DiskOpenRequest) (protocol.DiskOpened, error) {
	if o.disks.Data == "" {
		return protocol.DiskOpened{}, protocol.Fail(protocol.CodeUnsupported, "the machine has no data disk")
	}
	opened, err := workload.OpenOffline(o.disks.Data, request)
	if err == nil {
		o.opened.Store(opened)
	}
	return protocol.DiskOpened{Opened: opened != nil}, err
}

// tree is the whole root of the disk that was opened.
func (o *offline) tree() (*tree.Tree, error) {
	if opened := o.opened.Load(); opened != nil {
		return opened.Tree()
	}
	return o.running()
}

// export copies the root to the target's file system and closes that.
func (o *offline) export(ctx context.Context, report func(protocol.DiskCopied)) (protocol.DiskCopied, error) {
	opened := o.opened.Load()
	if o.disks.Target == "" || opened == nil {
		return protocol.DiskCopied{}, protocol.Fail(protocol.CodeUnsupported, "the machine has no disk to export to")
	}
	debug.SetMemoryLimit(exportMemoryGoalBytes)
	unmount, err := mountTarget(o.disks.Target)
	if err != nil {
		return protocol.DiskCopied{}, protocol.Fail(protocol.CodeInternal, "mount the target %s: %v", o.disks.Target, err)
	}
	copying := replica.New(ctx)
	var told protocol.DiskCopied
	stop := every(reportEvery, func() {
		// One that hangs is silent.
		if now := copied(copying); now != told {
			told = now
			report(now)
		}
	})
	err = copyRoot(copying, opened.Root())
	stop()
	if failed := unmount(); err == nil {
		err = failed
	}
	return copied(copying), err
}

func copyRoot(copying *replica.Copy, source int) error {
	target, err := unix.Open(targetDirectory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if err := copying.Run(source, target); err != nil {
		return err
	}
	return unix.Syncfs(target)
}

func copied(copying *replica.Copy) protocol.DiskCopied {
	entryCount, bytes := copying.Copied()
	return protocol.DiskCopied{EntryCount: entryCount, Bytes: bytes}
}

// every does something again and again until stop has returned.
func every(interval time.Duration, do func()) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				do()
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}
