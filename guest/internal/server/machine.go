package server

import (
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/protocol"
)

func (s *Server) health(response http.ResponseWriter, _ *http.Request) error {
	answer(response, protocol.Health{
		Protocol:     protocol.Version,
		AgentVersion: protocol.AgentVersion,
		Activated:    s.phase.Load() == phaseActivated,
		UptimeMs:     time.Since(s.started).Milliseconds(),
		HeldSecrets:  s.heldSecrets.Load(),
	})
	return nil
}

func (s *Server) activate(response http.ResponseWriter, request *http.Request) error {
	began := time.Now()
	if s.backend.Activate == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine builds images and is not activated")
	}
	wanted := &protocol.ActivateRequest{}
	if err := protocol.ReadDocument(request.Body, wanted); err != nil {
		return err
	}
	if err := wanted.Normalize(); err != nil {
		return err
	}
	if !s.phase.CompareAndSwap(phaseWaiting, phaseActivating) {
		return protocol.Fail(protocol.CodeConflict, "the machine was activated before")
	}
	if err := s.backend.Activate(wanted); err != nil {
		s.phase.Store(phaseFailed)
		return err
	}
	s.Activated(wanted)
	answer(response, protocol.Activated{Activated: true, DurationMs: time.Since(began).Milliseconds()})
	return nil
}

// renew makes a clone of an activated template a machine of its own.
func (s *Server) renew(response http.ResponseWriter, request *http.Request) error {
	began := time.Now()
	if s.backend.Renew == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine has no identity to renew")
	}
	wanted := &protocol.Identity{}
	if err := protocol.ReadDocument(request.Body, wanted); err != nil {
		return err
	}
	if err := wanted.Normalize(); err != nil {
		return err
	}
	if s.phase.Load() != phaseActivated {
		return protocol.Fail(protocol.CodeNotActivated, "the machine is not activated")
	}
	if err := s.backend.Renew(wanted); err != nil {
		return err
	}
	answer(response, protocol.Activated{Activated: true, DurationMs: time.Since(began).Milliseconds()})
	return nil
}

func (s *Server) clock(response http.ResponseWriter, request *http.Request) error {
	if s.backend.CorrectClock == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine has no clock of its own")
	}
	var wanted struct {
		UnixTimeNs string `json:"unix_time_ns"`
	}
	if err := protocol.ReadDocument(request.Body, &wanted); err != nil {
		return err
	}
	nanoseconds, err := protocol.ParseUnixTime(wanted.UnixTimeNs)
	if err != nil {
		return err
	}
	if err := s.backend.CorrectClock(nanoseconds); err != nil {
		return err
	}
	answer(response, struct{}{})
	return nil
}

// Activated opens the machine for commands.
func (s *Server) Activated(request *protocol.ActivateRequest) {
	s.defaults.Store(&command.Defaults{
		User:        request.DefaultUser,
		Environment: command.Plain(request.DefaultEnv),
		Offline:     command.Plain(request.OfflineEnv),
		Cwd:         string(request.DefaultCwd),
	})
	s.phase.Store(phaseActivated)
}

// changeDefaults applies to what is started from then on.
func (s *Server) changeDefaults(change func(*command.Defaults)) {
	for {
		before := s.defaults.Load()
		after := *before
		change(&after)
		if s.defaults.CompareAndSwap(before, &after) {
			return
		}
	}
}

func (s *Server) exec(response http.ResponseWriter, request *http.Request) error {
	defaults, err := s.commandDefaults()
	if err != nil {
		return err
	}
	wanted, err := protocol.ReadExecRequest(request.Body)
	if err != nil {
		return err
	}
	answer := newExecAnswer(response, request)
	outputs, err := s.outputs(answer, request)
	if err != nil {
		return err
	}
	s.commands.Add(1)
	defer s.commands.Done()
	response.Header().Set("content-type", "application/octet-stream")
	if err := command.Run(request.Context(), s.backend.Walls, *defaults, wanted, request.Body, outputs); err != nil {
		return err
	}
	answer.expectHead()
	return nil
}

// outputs keeps late output only for a caller that has a number for the command.
func (s *Server) outputs(frames command.FrameWriter, request *http.Request) (command.Outputs, error) {
	outputs := command.Outputs{Frames: frames}
	text := request.Header.Get(protocol.CommandNumberHeader)
	if text == "" {
		return outputs, nil
	}
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return outputs, protocol.Fail(protocol.CodeBadRequest, "%s is %.80q, not a number", protocol.CommandNumberHeader, text)
	}
	outputs.Late, outputs.Number = s.late, number
	return outputs, nil
}

func (s *Server) lateOutput(response http.ResponseWriter, request *http.Request) error {
	response.Header().Set("content-type", "application/octet-stream")
	// A reader that leaves ends it, and there is nobody to tell.
	_ = s.late.Send(request.Context(), newFrameWriter(response))
	return nil
}

// commandDefaults refuses while the machine starts no programs.
func (s *Server) commandDefaults() (*command.Defaults, error) {
	if s.backend.Walls == nil {
		return nil, protocol.Fail(protocol.CodeUnsupported, "this machine builds images and runs no commands")
	}
	if s.stopping.Load() {
		return nil, protocol.Fail(protocol.CodeConflict, "the machine is powering off")
	}
	defaults := s.defaults.Load()
	if defaults == nil {
		return nil, protocol.Fail(protocol.CodeNotActivated, "the machine is not activated")
	}
	return defaults, nil
}

type frameWriter struct {
	http.ResponseWriter
	controller *http.ResponseController
}

func newFrameWriter(response http.ResponseWriter) frameWriter {
	return frameWriter{response, http.NewResponseController(response)}
}

func (f frameWriter) Flush() error { return f.controller.Flush() }

func (s *Server) warm(response http.ResponseWriter, request *http.Request) error {
	if s.backend.Warm == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine has nothing to warm")
	}
	var wanted struct {
		Commands [][]string `json:"commands"`
	}
	if err := protocol.ReadDocument(request.Body, &wanted); err != nil {
		return err
	}
	if err := protocol.CheckWarmCommands(wanted.Commands); err != nil {
		return err
	}
	if s.phase.Load() != phaseWaiting {
		return protocol.Fail(protocol.CodeConflict, "the machine is activated: only templates are warmed")
	}
	failed, err := s.backend.Warm(request.Context(), wanted.Commands)
	if err != nil {
		return err
	}
	answer(response, protocol.Warmed{CommandCount: len(wanted.Commands), FailedCount: failed})
	return nil
}

func (s *Server) sync(response http.ResponseWriter, _ *http.Request) error {
	unix.Sync()
	answer(response, struct{}{})
	return nil
}

// servicesGrace is as long as commands have, which end after services.
const servicesGrace = 2 * time.Second

func (s *Server) powerOff(response http.ResponseWriter, request *http.Request) error {
	if !s.stopping.CompareAndSwap(false, true) {
		return protocol.Fail(protocol.CodeConflict, "the machine is powering off already")
	}
	s.work.stop()
	s.HangUp()
	if s.services != nil {
		s.services.End(servicesGrace)
	}
	err := s.backend.Stop()
	if err != nil {
		refuse(response, err)
	} else {
		answer(response, struct{}{})
	}
	_ = http.NewResponseController(response).Flush()
	go func() {
		// The request's context ends with this handler, which is before the answer's last frame is out.
		select {
		case <-request.Context().Done():
			time.Sleep(powerOffTail)
		case <-time.After(powerOffAnswerMax):
		}
		s.backend.PowerOff()
	}()
	return nil
}
