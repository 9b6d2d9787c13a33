// Package service looks after long-running programs by name: it starts them, sees
// when they are ready, keeps what they write, starts them again, and stops them.
package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/trash"
)

// servicesMax bounds those that run and those that are remembered, each.
const servicesMax = 64

// Places is the world that services are in.
type Places struct {
	Walls command.Walls
	// Root answers a descriptor of the workload's root, which the caller closes.
	Root func() (int, error)
	// Logs answers some of the directories for logs, which the caller closes. What is
	// written goes to the last; in those before are logs that were begun there.
	Logs func() ([]int, error)
}

// Services are those of one machine.
type Services struct {
	places Places

	mutex  sync.Mutex
	byName map[string]*service
	// runs and changes count what they say, of all services together.
	runs, changes int64
	isEnding      bool
	// changed is closed with the next change.
	changed chan struct{}
}

// New makes a machine's services; there are none yet.
func New(places Places) *Services {
	return &Services{places: places, byName: map[string]*service{}, changed: make(chan struct{})}
}

// Start starts a service and does not wait until it is ready.
func (s *Services) Start(defaults command.Defaults, request *protocol.ServiceRequest) (protocol.ServiceStatus, error) {
	stopping, stop := context.WithCancel(context.Background())
	started := &service{of: s, request: request, defaults: defaults, stopping: stopping, stop: stop, done: make(chan struct{})}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.makePlace(request.Name); err != nil {
		stop()
		return protocol.ServiceStatus{}, err
	}
	log, err := s.openLog(request.Name, logFor(request))
	if err != nil {
		stop()
		return protocol.ServiceStatus{}, err
	}
	started.log = log
	s.runs++
	s.changes++
	started.status = protocol.ServiceStatus{Name: request.Name, State: protocol.ServiceStarting, Run: s.runs, Change: s.changes}
	s.byName[request.Name] = started
	s.tell()
	go started.run()
	return started.status, nil
}

// makePlace refuses what is running; of those that are over, the oldest makes way.
func (s *Services) makePlace(name string) error {
	if s.isEnding {
		return protocol.Fail(protocol.CodeConflict, "the machine is powering off")
	}
	if known := s.byName[name]; known != nil && !known.status.State.IsOver() {
		return protocol.Fail(protocol.CodeConflict, "service %q is %s", name, string(known.status.State))
	}
	if s.byName[name] != nil || len(s.byName) < servicesMax {
		return nil
	}
	var over []*service
	for _, known := range s.byName {
		if known.status.State.IsOver() {
			over = append(over, known)
		}
	}
	if len(over) == 0 {
		return protocol.Fail(protocol.CodeLimitExceeded, "%d services run, and there cannot be more", servicesMax)
	}
	oldest := slices.MinFunc(over, func(a, b *service) int { return cmp.Compare(a.status.EndedAtMs, b.status.EndedAtMs) })
	delete(s.byName, oldest.status.Name)
	s.dropLog(oldest.status.Name)
	return nil
}

type logMode int

const (
	readLog logMode = iota
	continueLog
	newLog
)

func logFor(request *protocol.ServiceRequest) logMode {
	if request.KeepLog {
		return continueLog
	}
	return newLog
}

// openLog opens the log of a name, whether that is a service still or was one.
func (s *Services) openLog(name string, mode logMode) (*Log, error) {
	all, err := s.places.Logs()
	if err != nil {
		return nil, err
	}
	defer closeAll(all)
	if mode == newLog {
		for _, each := range all {
			if err := trash.Remove(context.Background(), each, name); err != nil {
				return nil, fmt.Errorf("forget the log before: %w", err)
			}
		}
	}
	if mode != readLog {
		if err := makeLog(all[len(all)-1], name); err != nil {
			return nil, err
		}
	}
	var own []int
	for _, each := range all {
		directory, err := unix.Openat(each, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			closeAll(own)
			return nil, fmt.Errorf("open a log: %w", err)
		}
		own = append(own, directory)
	}
	if len(own) == 0 {
		return nil, unknown(name)
	}
	return OpenLog(own...)
}

func makeLog(in int, name string) error {
	err := unix.Mkdirat(in, name, 0o700)
	if err == nil || errors.Is(err, unix.EEXIST) {
		return nil
	}
	if errors.Is(err, unix.ENOSPC) {
		return protocol.Fail(protocol.CodeNoSpace, "there is no room on the disk for a log")
	}
	return fmt.Errorf("make a log: %w", err)
}

func closeAll(descriptors []int) {
	for _, each := range descriptors {
		_ = unix.Close(each)
	}
}

func (s *Services) dropLog(name string) {
	all, err := s.places.Logs()
	if err != nil {
		return
	}
	defer closeAll(all)
	for _, each := range all {
		_ = trash.Remove(context.Background(), each, name)
	}
}

// MoveLogs lets the logs of services that run go on in the newest place. Once it
// returns, nothing more is written to those before.
func (s *Services) MoveLogs() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all, err := s.places.Logs()
	if err != nil {
		return err
	}
	defer closeAll(all)
	newest := all[len(all)-1]
	for name, known := range s.byName {
		if known.status.State.IsOver() {
			continue
		}
		if err := makeLog(newest, name); err != nil {
			return err
		}
		directory, err := unix.Openat(newest, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open a log: %w", err)
		}
		known.log.MoveTo(directory)
	}
	return nil
}

// release lets go of what a service holds that is over.
func (s *Services) release(over *service) {
	over.stop()
	over.log.Close()
}

// List answers all of them by name.
func (s *Services) List() protocol.ServiceList {
	return protocol.ServiceList{Services: s.since(-1)}
}

// since answers those that changed after a change.
func (s *Services) since(change int64) []protocol.ServiceStatus {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	statuses := []protocol.ServiceStatus{}
	for _, known := range s.byName {
		if known.status.Change > change {
			statuses = append(statuses, known.status)
		}
	}
	slices.SortFunc(statuses, func(a, b protocol.ServiceStatus) int { return cmp.Compare(a.Name, b.Name) })
	return statuses
}

// Watch hands on all services at once, and afterwards those that change, until the context ends.
func (s *Services) Watch(ctx context.Context, hand func(protocol.ServiceList) error) error {
	last := int64(-1)
	for {
		s.mutex.Lock()
		changed := s.changed
		s.mutex.Unlock()
		if news := s.since(last); len(news) > 0 || last < 0 {
			last = 0
			if err := hand(protocol.ServiceList{Services: news}); err != nil {
				return err
			}
			for _, status := range news {
				last = max(last, status.Change)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Await waits until a service is ready or over. One that was started anew meanwhile is that other one's.
func (s *Services) Await(ctx context.Context, name string) (protocol.ServiceStatus, error) {
	for {
		s.mutex.Lock()
		changed, known := s.changed, s.byName[name]
		s.mutex.Unlock()
		if known == nil {
			return protocol.ServiceStatus{}, unknown(name)
		}
		if status := known.snapshot(); status.State == protocol.ServiceRunning || status.State.IsOver() {
			return status, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return protocol.ServiceStatus{}, ctx.Err()
		}
	}
}

// Stop ends a service; it goes on doing so when the context ends. One that is over stays as it is.
func (s *Services) Stop(ctx context.Context, name string) (protocol.ServiceStatus, error) {
	known, err := s.find(name)
	if err != nil {
		return protocol.ServiceStatus{}, err
	}
	if !known.snapshot().State.IsOver() {
		known.stop()
		select {
		case <-known.done:
		case <-ctx.Done():
			return protocol.ServiceStatus{}, ctx.Err()
		}
	}
	return known.snapshot(), nil
}

// ReadLog hands on what a service wrote, and follows it until it is over, where that is wanted.
func (s *Services) ReadLog(ctx context.Context, name string, query LogQuery, hand func(Record) error) (protocol.LogEnd, error) {
	if known, err := s.find(name); err == nil && !known.snapshot().State.IsOver() {
		if query.IsLive != nil {
			query.IsLive = func() bool { return !known.snapshot().State.IsOver() }
		}
		return known.log.Read(ctx, query, hand)
	}
	log, err := s.openLog(name, readLog)
	if err != nil {
		return protocol.LogEnd{}, err
	}
	defer log.Close()
	query.IsLive = nil
	return log.Read(ctx, query, hand)
}

func (s *Services) find(name string) (*service, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if known := s.byName[name]; known != nil {
		return known, nil
	}
	return nil, unknown(name)
}

func unknown(name string) error {
	return protocol.Fail(protocol.CodeNotFound, "there is no service %.80q", name)
}

// End stops all services and takes no more; it returns when they are over or their grace is.
func (s *Services) End(grace time.Duration) {
	s.mutex.Lock()
	s.isEnding = true
	var all []*service
	for _, known := range s.byName {
		all = append(all, known)
	}
	s.mutex.Unlock()
	limit := time.After(grace)
	for _, known := range all {
		known.stop()
	}
	for _, known := range all {
		select {
		case <-known.done:
		case <-limit:
			limit = time.After(0)
		}
		// Nothing may be open for writing on a disk that is to be unmounted.
		known.log.Close()
	}
}

// change lets a service change, and tells whoever waits.
func (s *Services) change(do func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	do()
	s.tell()
}

func (s *Services) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}
