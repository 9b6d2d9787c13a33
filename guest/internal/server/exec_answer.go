package server

import (
	"context"
	"net"
	"net/http"
)

// headHolder is a connection that writes the head of an answer together with what follows it.
type headHolder interface{ ExpectHead() }

type connectionKey struct{}

func withConnection(ctx context.Context, connection net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, connection)
}

// execAnswer is an answer whose head never goes alone. What is not flushed goes with the answer's end.
type execAnswer struct {
	frameWriter
	holder     headHolder
	isHeadSent bool
}

func newExecAnswer(response http.ResponseWriter, request *http.Request) *execAnswer {
	holder, _ := request.Context().Value(connectionKey{}).(headHolder)
	return &execAnswer{frameWriter: newFrameWriter(response), holder: holder}
}

func (a *execAnswer) Flush() error {
	a.expectHead()
	return a.frameWriter.Flush()
}

func (a *execAnswer) expectHead() {
	if a.holder != nil && !a.isHeadSent {
		a.holder.ExpectHead()
	}
	a.isHeadSent = true
}
