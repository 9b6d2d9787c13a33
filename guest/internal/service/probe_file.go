package service

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// clockTickMax is at least as long as a kernel's timestamps stay the same while time goes on.
const clockTickMax = 20 * time.Millisecond

// fileState tells a file from what it was before; the zero value is one that does not exist.
// Nobody can write to a file, replace it or touch it and keep all of this.
type fileState struct {
	device, inode uint64
	changedAt     unix.Timespec
}

// fileBefore answers the state of the file that the service is ready with, before the service starts:
// one that an earlier run left says nothing of this one.
func (s *service) fileBefore() fileState {
	if s.request.Readiness == nil || len(s.request.Readiness.File) == 0 {
		return fileState{}
	}
	ctx, cancel := context.WithTimeout(s.stopping, lookMin)
	defer cancel()
	before, err := s.fileState(ctx)
	if err != nil {
		return fileState{}
	}
	// Changed this very moment, it could be changed again with the same time.
	if age := time.Since(time.Unix(before.changedAt.Unix())); age >= 0 && age < clockTickMax {
		time.Sleep(clockTickMax - age)
	}
	return before
}

func (s *service) lookFile(ctx context.Context, earlier fileState) (string, bool) {
	name := s.readyFile()
	found, err := s.fileState(ctx)
	var number unix.Errno
	switch {
	case err == nil && found != earlier:
		return "", true
	case err == nil:
		return fmt.Sprintf("file %.200q is there from before the start, and has not changed since", name), false
	case errors.Is(err, unix.ENOENT):
		return fmt.Sprintf("file %.200q does not exist", name), false
	case errors.As(err, &number):
		return fmt.Sprintf("file %.200q: %s", name, number.Error()), false
	case ctx.Err() != nil:
		return fmt.Sprintf("looking for file %.200q takes too long", name), false
	}
	return fmt.Sprintf("file %.200q: %v", name, err), false
}

func (s *service) readyFile() string {
	name := string(s.request.Readiness.File)
	if path.IsAbs(name) {
		return name
	}
	return path.Join("/", s.command().Cwd, name)
}

// fileState looks from outside of the workload's processes. What a guest mounted may
// hold whoever looks: then that goroutine waits, and nobody else.
func (s *service) fileState(ctx context.Context) (fileState, error) {
	type answer struct {
		state fileState
		err   error
	}
	name := s.readyFile()
	found := make(chan answer, 1)
	go func() {
		state, err := s.of.places.stateOf(name)
		found <- answer{state, err}
	}()
	select {
	case looked := <-found:
		return looked.state, looked.err
	case <-ctx.Done():
		return fileState{}, ctx.Err()
	}
}

// stateOf resolves links as a process of the workload would.
func (p Places) stateOf(name string) (fileState, error) {
	root, err := p.Root()
	if err != nil {
		return fileState{}, err
	}
	defer unix.Close(root)
	descriptor, err := unix.Openat2(root, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return fileState{}, err
	}
	defer unix.Close(descriptor)
	var status unix.Stat_t
	if err := unix.Fstat(descriptor, &status); err != nil {
		return fileState{}, err
	}
	return fileState{device: status.Dev, inode: status.Ino, changedAt: status.Ctim}, nil
}
