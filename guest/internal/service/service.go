package service

import (
	"context"
	"errors"
	"time"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/spawn"
)

const (
	// leftoverGrace is for processes that a service leaves when it ends by itself.
	leftoverGrace = 500 * time.Millisecond
	// killedMax is how long killed processes may take to be gone.
	killedMax = 10 * time.Second
	// outputMax is how long the last of the output may take once all processes are gone.
	outputMax = time.Second
	// A service that keeps failing is started again after ever longer pauses, and after
	// short ones again once it ran for a while.
	backOffMin   = 200 * time.Millisecond
	backOffMax   = 30 * time.Second
	backOffReset = 10 * time.Second
)

// service is one named program from its start until it is over.
type service struct {
	of       *Services
	request  *protocol.ServiceRequest
	defaults command.Defaults
	log      *Log
	// stopping ends when the service is to stop.
	stopping context.Context
	stop     context.CancelFunc
	// done is closed once it is over.
	done chan struct{}
	// status belongs to the services' mutex.
	status protocol.ServiceStatus
}

// ending is how one start of the program ended.
type ending struct {
	exit       spawn.Exit
	oomKilled  bool
	notStarted protocol.NotStartedReason
	message    string
	// isLate says that it was ended because it was not ready in time.
	isLate bool
}

func (e *ending) isFailure() bool {
	return e.isLate || e.notStarted != "" || e.exit.Signal != "" || e.exit.Code != 0
}

// label is what the host knows the service's processes by.
func (s *service) label() string { return "service:" + s.request.Name }

// command is made anew for each start.
func (s *service) command() *spawn.Command { return s.defaults.Command(&s.request.Program) }

// run supervises the service until it is over.
func (s *service) run() {
	defer close(s.done)
	defer s.of.release(s)
	pause := backOffMin
	for {
		began := time.Now()
		end := s.runOnce()
		if !s.isToRestart(end) {
			s.finish(end)
			return
		}
		if time.Since(began) >= backOffReset {
			pause = backOffMin
		}
		s.update(func(status *protocol.ServiceStatus) {
			end.tell(status)
			status.State = protocol.ServiceRestarting
		})
		select {
		case <-time.After(pause):
		case <-s.stopping.Done():
			s.finish(end)
			return
		}
		pause = min(2*pause, backOffMax)
		s.update(func(status *protocol.ServiceStatus) { status.RestartCount++ })
	}
}

// isToRestart: one that was never ready has nothing to be brought back to.
func (s *service) isToRestart(end *ending) bool {
	wasReady := s.snapshot().ReadyAtMs > 0
	return s.stopping.Err() == nil && wasReady && end.isFailure() && s.request.Restart == protocol.RestartOnFailure
}

func (s *service) finish(end *ending) {
	s.update(func(status *protocol.ServiceStatus) {
		end.tell(status)
		switch {
		case s.stopping.Err() != nil:
			status.State = protocol.ServiceStopped
		case end.isFailure():
			status.State = protocol.ServiceFailed
		default:
			status.State = protocol.ServiceExited
		}
	})
}

func (e *ending) tell(status *protocol.ServiceStatus) {
	status.PID, status.ExitCode, status.Signal = 0, nil, e.exit.Signal
	status.EndedAtMs = time.Now().UnixMilli()
	status.OOMKilled, status.NotStarted = e.oomKilled, e.notStarted
	status.Message, status.TimedOut = e.message, e.isLate
	if e.notStarted == "" && e.exit.Signal == "" {
		status.ExitCode = &e.exit.Code
	}
}

// runOnce starts the program and returns when it and everything it started has ended.
func (s *service) runOnce() *ending {
	earlier, lines := s.fileBefore(), s.lines()
	started, refusal, err := command.Start(s.of.places.Walls, s.label(), s.command())
	if err != nil {
		return &ending{notStarted: protocol.StartFailed, message: err.Error()}
	}
	if refusal != nil {
		return &ending{notStarted: refusal.Reason, message: refusal.Message}
	}
	defer started.Group.Release()
	carried := carry(started.Outputs, s.log, lines)
	s.update(func(status *protocol.ServiceStatus) {
		status.State, status.PID = protocol.ServiceStarting, started.Process.InnerPID
		status.StartedAtMs, status.EndedAtMs = time.Now().UnixMilli(), 0
		status.LastProbe = ""
		if s.request.Readiness == nil {
			status.State, status.ReadyAtMs = protocol.ServiceRunning, status.StartedAtMs
		}
	})
	end := s.supervise(started, lines, earlier)
	carried.await(outputMax)
	return end
}

func (s *service) lines() *lineWatch {
	if s.request.Readiness == nil || s.request.Readiness.Log == "" {
		return nil
	}
	return newLineWatch(s.request.Readiness.Log)
}

// supervise returns when every process has ended.
func (s *service) supervise(started *command.Started, lines *lineWatch, earlier fileState) *ending {
	exited := make(chan *ending, 1)
	go func() {
		exit, err := started.Process.Wait()
		if err != nil {
			exited <- &ending{notStarted: protocol.StartFailed, message: "the service was lost: " + err.Error()}
			return
		}
		exited <- &ending{exit: exit}
	}()
	looking, stopLooking := context.WithCancel(s.stopping)
	ready := make(chan error, 1)
	go func() { ready <- s.becomeReady(looking, lines, earlier) }()

	var end *ending
	isLate := false
	select {
	case end = <-exited:
	case <-s.stopping.Done():
	case err := <-ready:
		isLate = errors.Is(err, errNotReady)
		ready <- err
	}
	if end == nil && !isLate && s.stopping.Err() == nil {
		select {
		case end = <-exited:
		case <-s.stopping.Done():
		}
	}
	stopLooking()
	// Nothing about its readiness is told any more once it has ended.
	<-ready
	if end == nil {
		s.update(func(status *protocol.ServiceStatus) { status.State = protocol.ServiceStopping })
		end = endAll(started.Group, exited, s.request.StopGrace())
	} else {
		endRest(started.Group, leftoverGrace)
	}
	end.isLate = isLate
	end.oomKilled = end.isFailure() && started.Group.OOMKilled()
	return end
}

// becomeReady looks until the service is ready, and says so.
func (s *service) becomeReady(ctx context.Context, lines *lineWatch, earlier fileState) error {
	if s.request.Readiness == nil {
		return nil
	}
	if err := s.awaitReady(ctx, lines, earlier); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.update(func(status *protocol.ServiceStatus) {
		status.State, status.ReadyAtMs, status.LastProbe = protocol.ServiceRunning, time.Now().UnixMilli(), ""
	})
	return nil
}

// endAll gives every process the grace to end by itself, and answers how the program ended.
func endAll(group command.Group, exited <-chan *ending, grace time.Duration) *ending {
	deadline := time.Now().Add(grace)
	group.Terminate()
	limit := time.NewTimer(grace)
	defer limit.Stop()
	var end *ending
	select {
	case end = <-exited:
	case <-limit.C:
		group.Kill()
		end = <-exited
	}
	if !group.AwaitEmpty(min(leftoverGrace, time.Until(deadline))) {
		endRest(group, time.Until(deadline))
	}
	return end
}

// endRest is for what a program leaves when it has ended, and what was just being started when the others were told to end.
func endRest(group command.Group, grace time.Duration) {
	if group.AwaitEmpty(0) {
		return
	}
	group.Terminate()
	if group.AwaitEmpty(grace) {
		return
	}
	group.Kill()
	group.AwaitEmpty(killedMax)
}

func (s *service) update(change func(*protocol.ServiceStatus)) {
	s.of.change(func() {
		change(&s.status)
		s.of.changes++
		s.status.Change = s.of.changes
	})
	s.log.Wake()
}

// note says what the last look saw; nobody is woken for that.
func (s *service) note(seen string) {
	s.of.mutex.Lock()
	defer s.of.mutex.Unlock()
	s.status.LastProbe = seen
}

func (s *service) lastProbe() string { return s.snapshot().LastProbe }

func (s *service) snapshot() protocol.ServiceStatus {
	s.of.mutex.Lock()
	defer s.of.mutex.Unlock()
	return s.status
}
