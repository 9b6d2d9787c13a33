package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

const (
	inputBytes = 16 << 10
	// inputPatience is how long a program that reads nothing may hold up what is typed.
	inputPatience = 2 * time.Second
)

// Type writes what comes to the shell's terminal, as it comes, and tells how much
// of it was taken: a program that reads nothing takes no more than its terminal holds.
func (s *Shell) Type(ctx context.Context, from io.Reader) (taken int64, err error) {
	buffer := make([]byte, inputBytes)
	for ctx.Err() == nil {
		n, err := from.Read(buffer)
		written, writeErr := s.typeNow(ctx, buffer[:n])
		taken += int64(written)
		if errors.Is(writeErr, os.ErrDeadlineExceeded) {
			return taken, nil
		}
		if writeErr != nil {
			return taken, s.explain(writeErr)
		}
		if err != nil {
			return taken, nil
		}
	}
	return taken, nil
}

func (s *Shell) typeNow(ctx context.Context, bytes []byte) (int, error) {
	if len(bytes) == 0 {
		return 0, nil
	}
	s.typing.Lock()
	defer s.typing.Unlock()
	_ = s.terminal.File.SetWriteDeadline(time.Now().Add(inputPatience))
	stop := context.AfterFunc(ctx, func() { _ = s.terminal.File.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	return s.terminal.File.Write(bytes)
}
