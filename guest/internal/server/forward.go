package server

import (
	"net/http"

	"pyro.dev/guest/internal/forward"
	"pyro.dev/guest/internal/loopback"
	"pyro.dev/guest/internal/protocol"
)

const portMax = 65535

// forward connects the stream of a request with a server of this machine.
func (s *Server) forward(response http.ResponseWriter, request *http.Request) error {
	if _, err := s.requireServices(); err != nil {
		return err
	}
	query := readQuery(request)
	port := query.number("port", 1, 0)
	if query.err == nil && (port < 1 || port > portMax) {
		query.fail("port", query.values.Get("port"), "a port")
	}
	if query.err != nil {
		return query.err
	}
	server, err := loopback.Dial(request.Context(), uint16(port))
	if err != nil {
		return protocol.Fail(protocol.CodeConflict, "port %d of the guest: %s", port, loopback.Reason(err))
	}
	defer server.Close()
	return carry(response, func(writer frameWriter) error {
		return forward.Run(request.Context(), server, request.Body, writer)
	})
}
