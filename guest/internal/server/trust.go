package server

import (
	"net/http"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/protocol"
)

// trust replaces what programs were made to trust before, and got for it.
func (s *Server) trust(response http.ResponseWriter, request *http.Request) error {
	if s.backend.Trust == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine has no list of its own of what is trusted")
	}
	if _, err := s.commandDefaults(); err != nil {
		return err
	}
	wanted := &protocol.TrustRequest{}
	if err := protocol.ReadDocument(request.Body, wanted); err != nil {
		return err
	}
	if err := wanted.Normalize(); err != nil {
		return err
	}
	environment, needsRoots, err := s.backend.Trust(wanted)
	if err != nil {
		return err
	}
	if !needsRoots {
		s.changeDefaults(func(defaults *command.Defaults) { defaults.Brokered = environment })
	}
	answer(response, protocol.Trusted{NeedsRoots: needsRoots})
	return nil
}
