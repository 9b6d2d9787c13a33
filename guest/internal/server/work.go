package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/tree"
)

// work is all that requests do to the workspace's tree. It has ended before the machine stops.
type work struct {
	// running is held for reading by every request at work.
	running sync.RWMutex
	context context.Context
	end     context.CancelFunc
}

func newWork() *work {
	ended, end := context.WithCancel(context.Background())
	return &work{context: ended, end: end}
}

// stop returns once nothing is at work any more; what comes later is the caller's to refuse.
func (w *work) stop() {
	w.end()
	w.running.Lock()
	defer w.running.Unlock()
}

// withTree lets a request work on the tree. Its context, its body and its
// answer end when the client leaves or the machine stops.
func (s *Server) withTree(response http.ResponseWriter, request *http.Request, do func(context.Context, *tree.Tree) error) error {
	if s.backend.Tree == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine builds images and has no workspace")
	}
	s.work.running.RLock()
	defer s.work.running.RUnlock()
	if s.stopping.Load() {
		return protocol.Fail(protocol.CodeConflict, "the machine is powering off")
	}
	if phase := s.phase.Load(); phase != phaseActivated && phase != phaseLooking {
		return protocol.Fail(protocol.CodeNotActivated, "the machine is not activated")
	}
	open, err := s.backend.Tree()
	if err != nil {
		return err
	}
	defer open.Release()
	ctx, cancel := context.WithCancel(request.Context())
	defer cancel()
	keep := context.AfterFunc(s.work.context, func() {
		cancel()
		_ = request.Body.Close()
		_ = http.NewResponseController(response).SetWriteDeadline(time.Unix(1, 0))
	})
	defer keep()
	return do(ctx, open)
}
