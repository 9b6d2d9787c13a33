package egress

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/names"
	"pyro.dev/guest/internal/protocol"
)

const (
	// connectionsMax are open or wait for the host.
	connectionsMax = 256
	// linesMax wait for the host to read them: a question for each name and each connection, and as much again.
	linesMax = 1024
	// limitTold is how often the host is told that there are too many connections.
	limitTold = time.Second
)

// errRules is a host that says what it may not.
var errRules = errors.New("the host broke the rules of the way out")

// Session is one host's time.
type Session struct {
	of     *Egress
	over   context.Context
	end    context.CancelFunc
	saying chan line

	mutex       sync.Mutex
	asking      map[uint64]chan string
	connections map[uint64]*Connection
	// refused are those beyond the limit that the host has not been told of.
	refused   int
	toldLimit time.Time
}

// line is on its way to the host; said, where there is one, is closed once it is there.
type line struct {
	text []byte
	said chan struct{}
}

func newSession(of *Egress) *Session {
	over, end := context.WithCancel(context.Background())
	return &Session{
		of:          of,
		over:        over,
		end:         end,
		saying:      make(chan line, linesMax),
		asking:      map[uint64]chan string{},
		connections: map[uint64]*Connection{},
	}
}

// Run lasts until the host leaves or breaks the rules. Then every connection is reset.
func (s *Session) Run(ctx context.Context, body io.Reader, writer command.FrameWriter) error {
	defer s.of.ended(s)
	defer s.end()
	stop := context.AfterFunc(ctx, s.end)
	defer stop()
	s.say(protocol.EgressLine{Kind: protocol.EgressOpen})
	listened := make(chan error, 1)
	// Ends with the body, at the latest when whoever answers the request returns.
	go func() {
		listened <- s.listen(body)
		s.end()
	}()
	if err := s.write(writer); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return <-listened
}

// write sends lines as they come, and those that have gathered meanwhile together.
func (s *Session) write(writer command.FrameWriter) error {
	for {
		select {
		case <-s.over.Done():
			return nil
		case next := <-s.saying:
			if err := s.writeGathered(writer, next); err != nil {
				return err
			}
		}
	}
}

func (s *Session) writeGathered(writer command.FrameWriter, next line) error {
	var said []chan struct{}
	for {
		if _, err := writer.Write(next.text); err != nil {
			return err
		}
		if next.said != nil {
			said = append(said, next.said)
		}
		select {
		case next = <-s.saying:
			continue
		default:
		}
		if err := writer.Flush(); err != nil {
			return err
		}
		for _, each := range said {
			close(each)
		}
		return nil
	}
}

// say answers false where the host has stopped reading.
func (s *Session) say(what protocol.EgressLine) bool { return s.put(what, nil) }

func (s *Session) put(what protocol.EgressLine, said chan struct{}) bool {
	text, err := json.Marshal(what)
	if err != nil || len(text) >= protocol.EgressLineBytesMax {
		return false
	}
	select {
	case s.saying <- line{append(text, '\n'), said}:
		return true
	default:
		return false
	}
}

// listen takes the host's answers; a host that ends its body leaves.
func (s *Session) listen(body io.Reader) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, protocol.EgressLineBytesMax), protocol.EgressLineBytesMax)
	for lines.Scan() {
		var answer protocol.EgressAnswer
		if err := protocol.Decode(lines.Bytes(), &answer); err != nil {
			return fmt.Errorf("%w: %w", errRules, err)
		}
		s.answer(answer)
	}
	return lines.Err()
}

// answer passes over what nobody waits for any more.
func (s *Session) answer(answer protocol.EgressAnswer) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if waiting, found := s.asking[answer.ID]; found {
		delete(s.asking, answer.ID)
		waiting <- answer.Answer
		return
	}
	if waiting, found := s.connections[answer.ID]; found && !waiting.isAnswered {
		waiting.isAnswered = true
		waiting.answered <- answer
	}
}

// ask waits for what the host knows of the name.
func (s *Session) ask(ctx context.Context, name string) names.Existence {
	answered := make(chan string, 1)
	id := s.of.lastID.Add(1)
	s.mutex.Lock()
	s.asking[id] = answered
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(s.asking, id)
	}()
	if !s.say(protocol.EgressLine{ID: id, Kind: protocol.EgressName, Name: name}) {
		return names.Unknown
	}
	select {
	case answer := <-answered:
		if answer == protocol.EgressOK {
			return names.Exists
		}
	case <-ctx.Done():
	case <-s.over.Done():
	}
	return names.Unknown
}

// connect asks the host about a connection, and does not wait for its answer.
func (s *Session) connect(client *net.TCPConn, host string, port uint16) {
	made := s.register(client)
	if made == nil {
		reset(client)
		return
	}
	if !s.say(protocol.EgressLine{ID: made.id, Kind: protocol.EgressConnection, Host: host, Port: port}) {
		made.abandon()
		return
	}
	go made.attend()
}

// register answers nil where there are too many.
func (s *Session) register(client *net.TCPConn) *Connection {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.connections) >= connectionsMax {
		s.refused++
		if now := time.Now(); now.Sub(s.toldLimit) >= limitTold {
			s.say(protocol.EgressLine{Kind: protocol.EgressConnectionLimit, Count: s.refused})
			s.refused, s.toldLimit = 0, now
		}
		return nil
	}
	made := &Connection{of: s, id: s.of.lastID.Add(1), client: client, answered: make(chan protocol.EgressAnswer, 1)}
	s.connections[made.id] = made
	return made
}

// Connection hands the connection over to whoever carries it; Run of what it answers is due.
func (e *Egress) Connection(id uint64) (*Connection, error) {
	if session := e.current(); session != nil {
		if taken := session.take(id); taken != nil {
			if !taken.isGone() {
				return taken, nil
			}
			taken.abandon()
		}
	}
	return nil, protocol.Fail(protocol.CodeNotFound, "no connection %d waits for the host", id)
}

func (s *Session) take(id uint64) *Connection {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	taken, found := s.connections[id]
	if !found || taken.isAnswered {
		return nil
	}
	taken.isAnswered, taken.isCarried = true, true
	close(taken.answered)
	return taken
}

func (s *Session) forget(id uint64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.connections, id)
}
