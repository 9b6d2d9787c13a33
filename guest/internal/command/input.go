package command

import (
	"io"
	"os"
)

// input carries the request's body into the command's standard input. The pipe
// pushes back: a command that does not read stops the body, not the agent.
type input struct {
	body io.ReadCloser
	pipe *os.File
	done chan struct{}
}

// startInput answers nil where there is no pipe.
func startInput(body io.ReadCloser, pipe *os.File) *input {
	if pipe == nil {
		return nil
	}
	i := &input{body: body, pipe: pipe, done: make(chan struct{})}
	go func() {
		defer close(i.done)
		// A command that closed its input, or ended, is no error.
		buffer := buffers.Get().(*[]byte)
		_, _ = io.CopyBuffer(onlyWriter{pipe}, onlyReader{body}, *buffer)
		buffers.Put(buffer)
		pipe.Close()
	}()
	return i
}

// stop gives up on the rest of the body.
func (i *input) stop() {
	if i == nil {
		return
	}
	i.pipe.Close()
	i.body.Close()
	<-i.done
}

// The plain interfaces keep io.Copy from bypassing the bounded buffer.
type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }
