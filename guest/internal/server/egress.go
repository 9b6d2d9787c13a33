package server

import (
	"net/http"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/egress"
	"pyro.dev/guest/internal/protocol"
)

func (s *Server) wayOut() (*egress.Egress, error) {
	if s.backend.Egress == nil {
		return nil, protocol.Fail(protocol.CodeUnsupported, "this machine has no network of its own")
	}
	_, err := s.commandDefaults()
	return s.backend.Egress, err
}

// egress opens the way out for as long as the request lives.
func (s *Server) egress(response http.ResponseWriter, request *http.Request) error {
	out, err := s.wayOut()
	if err != nil {
		return err
	}
	session, err := out.Open()
	if err != nil {
		return err
	}
	s.changeDefaults(func(defaults *command.Defaults) { defaults.Offline = nil })
	response.Header().Set("content-type", "application/x-ndjson")
	response.WriteHeader(http.StatusOK)
	if err := session.Run(request.Context(), request.Body, newFrameWriter(response)); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// egressConnection carries a connection that the host has made.
func (s *Server) egressConnection(response http.ResponseWriter, request *http.Request) error {
	out, err := s.wayOut()
	if err != nil {
		return err
	}
	query := readQuery(request)
	id := query.number("id", 1, 0)
	if query.err == nil && id < 1 {
		query.fail("id", query.values.Get("id"), "a connection's number")
	}
	if query.err != nil {
		return query.err
	}
	taken, err := out.Connection(uint64(id))
	if err != nil {
		return err
	}
	return carry(response, func(writer frameWriter) error {
		return taken.Run(request.Context(), request.Body, writer)
	})
}

// carry answers with a connection's frames.
func carry(response http.ResponseWriter, run func(frameWriter) error) error {
	response.Header().Set("content-type", "application/octet-stream")
	response.WriteHeader(http.StatusOK)
	writer := newFrameWriter(response)
	// The host learns that it is connected even while nobody says anything.
	_ = writer.Flush()
	if err := run(writer); err != nil {
		// Neither end may take it for complete.
		panic(http.ErrAbortHandler)
	}
	return nil
}
