package server

import (
	"net/http"

	"pyro.dev/guest/internal/layer"
	"pyro.dev/guest/internal/protocol"
)

func (s *Server) buildLayer(response http.ResponseWriter, request *http.Request) error {
	if s.backend.Builder == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine runs commands and builds no images")
	}
	query := request.URL.Query()
	form := layer.Form{Compression: query.Get("compression"), Digest: query.Get("digest")}
	applied, err := s.backend.Builder.Apply(request.Context(), form, request.Body)
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
