package service

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/loopback"
	"pyro.dev/guest/internal/outputs"
	"pyro.dev/guest/internal/protocol"
)

const (
	// pauseMin and pauseShare make looks frequent at first: what is ready after a tenth
	// of a second is seen at once, and what takes a minute is not asked every moment.
	pauseMin   = 20 * time.Millisecond
	pauseShare = 10
	// lookMin is how long one look may take at least, before it is given up for another:
	// a server that hung may answer the next one, and a slow one must be let finish.
	lookMin = 5 * time.Second
	// lookTold is what a look must have had that ends with the service's time, to be told of.
	lookTold           = 250 * time.Millisecond
	probeBodyBytesMax  = 64 << 10
	probeHeaderMax     = 64 << 10
	probeOutputMax     = 2 << 10
	probeKilledMax     = 5 * time.Second
	httpReadyMin       = 200
	httpReadyExclusive = 400
)

// errNotReady ends the waiting for a service that has had its time.
var errNotReady = errors.New("not ready in time")

// awaitReady returns nil once the service is ready. Earlier is the file to wait for as it was before the start.
func (s *service) awaitReady(ctx context.Context, lines *lineWatch, earlier fileState) error {
	began := time.Now()
	timeout := s.request.ReadyTimeout()
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errNotReady)
	defer cancel()
	if lines != nil {
		return s.awaitLine(ctx, lines)
	}
	for {
		limit := max(lookMin, (timeout-time.Since(began))/2)
		look, cancelLook := context.WithTimeout(ctx, limit)
		lookedAt := time.Now()
		seen, isReady := s.look(look, earlier)
		cancelLook()
		if isReady {
			return nil
		}
		whole := s.lastProbe()
		switch {
		case ctx.Err() == nil || whole == "":
			s.note(seen)
		case seen != whole && time.Since(lookedAt) > lookTold:
			// One that was cut off tells what hangs now, or only that the machine was busy:
			// what the one before saw stays.
			s.note(whole + "; then, until the time was over: " + seen)
		}
		pause := time.NewTimer(min(s.request.ReadyInterval(), max(pauseMin, time.Since(began)/pauseShare)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		}
	}
}

func (s *service) awaitLine(ctx context.Context, lines *lineWatch) error {
	s.note(fmt.Sprintf("no line with %.200q yet", s.request.Readiness.Log))
	select {
	case <-lines.seen:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// look asks once, and answers what it saw where the service is not ready.
func (s *service) look(ctx context.Context, earlier fileState) (seen string, isReady bool) {
	wanted := s.request.Readiness
	switch {
	case wanted.TCP != "":
		return lookTCP(ctx, wanted)
	case wanted.HTTP != "":
		return lookHTTP(ctx, wanted)
	case len(wanted.Command) > 0:
		return s.lookCommand(ctx)
	}
	return s.lookFile(ctx, earlier)
}

func lookTCP(ctx context.Context, wanted *protocol.Readiness) (string, bool) {
	port, err := wanted.Port()
	if err != nil {
		return err.Error(), false
	}
	connection, err := loopback.Dial(ctx, port)
	if err != nil {
		return fmt.Sprintf("connecting to port %d: %s", port, loopback.Reason(err)), false
	}
	_ = connection.Close()
	return "", true
}

func lookHTTP(ctx context.Context, wanted *protocol.Readiness) (string, bool) {
	port, err := wanted.Port()
	if err != nil {
		return err.Error(), false
	}
	transport := &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return loopback.Dial(ctx, port) },
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: probeHeaderMax,
		// Who answers is known: it is this machine, whatever its certificate says.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	client := &http.Client{
		Transport: transport,
		// Where it leads to is not asked: it may be another machine.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, wanted.HTTP, nil)
	if err != nil {
		return err.Error(), false
	}
	request.Header.Set("user-agent", "pyro-probe")
	answer, err := client.Do(request)
	if ctx.Err() != nil {
		return fmt.Sprintf("GET %.200s: no answer in time", wanted.HTTP), false
	}
	if err != nil {
		return fmt.Sprintf("GET %.200s: %s", wanted.HTTP, loopback.Reason(errors.Unwrap(err))), false
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, probeBodyBytesMax))
	if answer.StatusCode >= httpReadyMin && answer.StatusCode < httpReadyExclusive {
		return "", true
	}
	return fmt.Sprintf("GET %.200s: answered with status %d", wanted.HTTP, answer.StatusCode), false
}

// lookCommand runs in the service's world, in a group of its own.
func (s *service) lookCommand(ctx context.Context) (string, bool) {
	wanted := s.command()
	wanted.Arguments = make([]string, len(s.request.Readiness.Command))
	for i, word := range s.request.Readiness.Command {
		wanted.Arguments[i] = string(word)
	}
	started, refusal, err := command.Start(s.of.places.Walls, s.label(), wanted)
	if refusal != nil {
		return refusal.Message, false
	}
	if err != nil {
		return err.Error(), false
	}
	defer started.Group.Release()
	output := keepTail(started.Outputs)
	ended := make(chan string, 1)
	go func() {
		exit, err := started.Process.Wait()
		switch {
		case err != nil:
			ended <- err.Error()
		case exit.Signal != "":
			ended <- "ended by SIG" + exit.Signal
		case exit.Code != 0:
			ended <- "ended with exit code " + strconv.Itoa(exit.Code)
		default:
			ended <- ""
		}
	}()
	var how string
	isLate := false
	select {
	case how = <-ended:
	case <-ctx.Done():
		isLate = true
	}
	started.Group.Kill()
	started.Group.AwaitEmpty(probeKilledMax)
	said := output.end()
	if isLate {
		return "the command takes too long" + quoted(said), false
	}
	return "the command " + how + quoted(said), how == ""
}

func quoted(said string) string {
	if said == "" {
		return ""
	}
	return fmt.Sprintf(" and said %q", said)
}

// tail keeps the last lines of what a program writes.
type tail struct {
	reader *outputs.Reader
	kept   []byte
	isCut  bool
	done   chan struct{}
}

func keepTail(reader *outputs.Reader) *tail {
	t := &tail{reader: reader, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		defer reader.Close()
		buffer := make([]byte, probeOutputMax)
		for reader.Await() {
			_, n := reader.Read(buffer)
			t.kept = append(t.kept, buffer[:n]...)
			if surplus := len(t.kept) - probeOutputMax; surplus > 0 {
				t.kept, t.isCut = t.kept[surplus:], true
			}
		}
	}()
	return t
}

// end waits for no process that escaped.
func (t *tail) end() string {
	select {
	case <-t.done:
	case <-time.After(outputs.GatherTime):
		t.reader.Leave()
		<-t.done
	}
	if _, whole, isFound := bytes.Cut(t.kept, []byte{'\n'}); t.isCut && isFound {
		// The host can take no secret out of which only the end is left.
		return string(whole)
	}
	return string(t.kept)
}
