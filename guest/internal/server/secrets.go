package server

import (
	"net/http"

	"pyro.dev/guest/internal/protocol"
)

// secrets replaces all that the machine holds.
func (s *Server) secrets(response http.ResponseWriter, request *http.Request) error {
	if s.backend.HoldSecrets == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine has no memory of its own to hold secrets in")
	}
	wanted := &protocol.SecretsRequest{}
	if err := protocol.ReadDocument(request.Body, wanted); err != nil {
		return err
	}
	if err := wanted.Check(); err != nil {
		return err
	}
	if len(wanted.Secrets) > 0 {
		s.heldSecrets.Store(true)
	}
	if err := s.backend.HoldSecrets(wanted.Secrets, s.services.MoveLogs); err != nil {
		return err
	}
	answer(response, struct{}{})
	return nil
}
