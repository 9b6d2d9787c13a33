package server

import (
	"net/http"

	"pyro.dev/guest/internal/protocol"
)

func (s *Server) buildLayer(response http.ResponseWriter, request *http.Request) error {
	if s.backend.Builder == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine runs commands and builds no images")
	}
	digest := request.URL.Query().Get("digest")
	applied, err := s.backend.Builder.Apply(request.Context(), digest, request.Body)
	if err != nil {
		return err
	}
	answer(response, applied)
	return nil
}

func (s *Server) buildFinish(response http.ResponseWriter, _ *http.Request) error {
	if s.backend.Builder == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine runs commands and builds no images")
	}
	finished, err := s.backend.Builder.Finish()
	if err != nil {
		return err
	}
	answer(response, finished)
	return nil
}
