package server

import (
	"context"
	"io"
	"net/http"
	"time"

	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/tree"
)

// freezeMax is how long a client that forgot may hold everybody's writes back.
const freezeMax = 60 * time.Second

// freeze holds the data disk as long as its stream is open.
func (s *Server) freeze(response http.ResponseWriter, request *http.Request) error {
	if !s.backend.CanFreeze {
		return protocol.Fail(protocol.CodeUnsupported, "there is no disk of this machine's own to freeze")
	}
	return s.withTree(response, request, func(ctx context.Context, open *tree.Tree) error {
		if !s.frozen.CompareAndSwap(false, true) {
			return protocol.Fail(protocol.CodeConflict, "the data disk is frozen already")
		}
		defer s.frozen.Store(false)
		thaw, err := open.Freeze()
		if err != nil {
			return err
		}
		defer thaw()
		response.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(response).Flush()
		holdOpen(ctx, request)
		return nil
	})
}

// holdOpen returns when the client ends its stream, or forgot to. A request
// that came without a body lasts until it is reset.
func holdOpen(ctx context.Context, request *http.Request) {
	ctx, cancel := context.WithTimeout(ctx, freezeMax)
	defer cancel()
	if request.ContentLength != 0 {
		go func() {
			_, _ = io.Copy(io.Discard, request.Body)
			cancel()
		}()
	}
	<-ctx.Done()
}
