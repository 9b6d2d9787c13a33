package service

import (
	"bytes"
	"sync"

	"pyro.dev/guest/internal/protocol"
)

// lineWatch looks for a text that a line contains.
type lineWatch struct {
	text  []byte
	mutex sync.Mutex
	// ends are the last bytes of each output, where the text may have begun.
	ends map[protocol.FrameKind][]byte
	seen chan struct{}
	once sync.Once
}

func newLineWatch(text string) *lineWatch {
	return &lineWatch{text: []byte(text), ends: map[protocol.FrameKind][]byte{}, seen: make(chan struct{})}
}

// look takes the next bytes of an output. The text has no line break, so
// whatever contains it is one line.
func (w *lineWatch) look(kind protocol.FrameKind, next []byte) {
	if w == nil {
		return
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	overlap := len(w.text) - 1
	border := append(w.ends[kind], next[:min(len(next), overlap)]...)
	if bytes.Contains(border, w.text) || bytes.Contains(next, w.text) {
		w.once.Do(func() { close(w.seen) })
	}
	if len(next) >= overlap {
		border = next
	}
	w.ends[kind] = bytes.Clone(border[max(0, len(border)-overlap):])
}
