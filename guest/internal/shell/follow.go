package shell

import (
	"context"
	"math"
	"sync"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/protocol"
)

// Reading is what of a shell's output is asked for.
type Reading struct {
	// From is a position; one that is yet to come is answered from where the output is.
	From int64
	// BytesMax ends the answer; 0 is no limit.
	BytesMax int64
	// Follows waits for more where there is none.
	Follows bool
	// Attaches counts the reader among those who look on.
	Attaches bool
}

var frameBuffers = sync.Pool{New: func() any {
	buffer := make([]byte, protocol.FrameHeaderBytes+protocol.FramePayloadMax)
	return &buffer
}}

// reader is one answer on its way.
type reader struct {
	shell   *Shell
	to      command.FrameWriter
	reading Reading
	// position of the next byte to send.
	position int64
	size     protocol.TerminalSize
	hasBegun bool
}

// Send answers with the output and all that a terminal must know to show it. Its
// error is the channel's.
func (s *Shell) Send(ctx context.Context, reading Reading, to command.FrameWriter) error {
	if reading.Attaches {
		s.attached.Add(1)
		defer s.attached.Add(-1)
	}
	if reading.BytesMax == 0 {
		reading.BytesMax = math.MaxInt64
	}
	buffer := frameBuffers.Get().(*[]byte)
	defer frameBuffers.Put(buffer)
	r := &reader{shell: s, to: to, reading: reading, position: reading.From}
	for {
		isDone, err := r.step(ctx, *buffer)
		if isDone || err != nil {
			return err
		}
	}
}

// step sends what there is, or waits for more.
func (r *reader) step(ctx context.Context, buffer []byte) (isDone bool, err error) {
	payload := buffer[protocol.FrameHeaderBytes:]
	found := r.shell.history.read(r.position, payload[:min(int64(len(payload)), r.reading.BytesMax)])
	if err := r.sendPlace(found); err != nil {
		return true, err
	}
	switch {
	case found.length > 0:
		return false, r.sendBytes(buffer, found.length)
	case found.isEnded:
		return true, r.sendJSON(protocol.FrameEnd, r.shell.howItEnded())
	case r.reading.BytesMax == 0 || !r.reading.Follows:
		return true, r.sendJSON(protocol.FramePause, protocol.Pause{NextPosition: r.position})
	}
	if err := r.to.Flush(); err != nil {
		return true, err
	}
	select {
	case <-found.changed:
		return false, nil
	case <-ctx.Done():
		return true, nil
	}
}

// sendPlace tells where what was found is, where that does not follow from what was sent.
func (r *reader) sendPlace(found piece) error {
	lost := max(0, found.position-r.position)
	if !r.hasBegun || found.position != r.position {
		if err := r.sendJSON(protocol.FramePosition, protocol.Position{Position: found.position, LostBytes: lost}); err != nil {
			return err
		}
	}
	r.position = found.position
	if r.hasBegun && found.size == r.size {
		return nil
	}
	r.hasBegun, r.size = true, found.size
	return r.sendJSON(protocol.FrameSize, found.size)
}

func (r *reader) sendBytes(buffer []byte, length int) error {
	protocol.PutFrameHeader(buffer, protocol.FrameOutput, length)
	r.position += int64(length)
	r.reading.BytesMax -= int64(length)
	_, err := r.to.Write(buffer[:protocol.FrameHeaderBytes+length])
	return err
}

func (r *reader) sendJSON(kind protocol.FrameKind, value any) error {
	_, err := r.to.Write(protocol.JSONFrame(kind, value))
	return err
}
