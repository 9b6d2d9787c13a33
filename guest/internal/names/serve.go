package names

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// askedMax is how many names the host is asked for at once.
	askedMax = 256
	// askedTimeMax is less than the time after which programs ask again.
	askedTimeMax = 4 * time.Second
	// streamsMax are connections that carry questions; those beyond are closed.
	streamsMax       = 32
	streamSilenceMax = 5 * time.Second
)

// Server serves questions of the machine.
type Server struct {
	Responder
	asking  chan struct{}
	streams chan struct{}
}

// NewServer serves nobody yet.
func NewServer(responder Responder) *Server {
	return &Server{Responder: responder, asking: make(chan struct{}, askedMax), streams: make(chan struct{}, streamsMax)}
}

// begin does work beside the caller's unless too much is being done.
func (s *Server) begin(work func(context.Context)) bool {
	select {
	case s.asking <- struct{}{}:
	default:
		return false
	}
	go func() {
		defer func() { <-s.asking }()
		s.bounded(work)
	}()
	return true
}

func (s *Server) bounded(work func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), askedTimeMax)
	defer cancel()
	work(ctx)
}

// ServeDatagrams answers until the socket is closed. Each answer comes from the address that was asked.
func (s *Server) ServeDatagrams(socket *net.UDPConn) error {
	message, control := make([]byte, QuestionBytesMax), make([]byte, 128)
	for {
		n, controlBytes, flags, client, err := socket.ReadMsgUDPAddrPort(message, control)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		// What an answer met on its way, a socket without connection is told as well; it is about no question.
		if err != nil || flags&unix.MSG_TRUNC != 0 {
			continue
		}
		from := answerFrom(control[:controlBytes])
		s.Respond(message[:n], s.begin, func(answer []byte) {
			_, _, _ = socket.WriteMsgUDPAddrPort(answer, from, client)
		})
	}
}

// answerFrom turns what the kernel said of a datagram's destination into what it wants to know of an answer's source.
func answerFrom(control []byte) []byte {
	const headerBytes = unix.SizeofCmsghdr
	for len(control) >= headerBytes+unix.SizeofInet4Pktinfo {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return nil
		}
		if header.Level == unix.SOL_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo {
			info := &unix.Inet4Pktinfo{}
			copy(info.Spec_dst[:], data[8:12])
			return unix.PktInfo4(info)
		}
		control = rest
	}
	return nil
}

// ServeStream answers the questions that come on a connection, one after the other.
func (s *Server) ServeStream(client net.Conn) {
	defer client.Close()
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return
	}
	for {
		if err := s.serveNext(client); err != nil {
			return
		}
	}
}

func (s *Server) serveNext(client net.Conn) error {
	_ = client.SetDeadline(time.Now().Add(streamSilenceMax))
	var length [2]byte
	if _, err := io.ReadFull(client, length[:]); err != nil {
		return err
	}
	count := int(binary.BigEndian.Uint16(length[:]))
	if count > QuestionBytesMax {
		return errors.New("no question is that long")
	}
	message := make([]byte, count)
	if _, err := io.ReadFull(client, message); err != nil {
		return err
	}
	err := errors.New("it was no question")
	s.Respond(message, s.wait, func(answer []byte) {
		_, err = client.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	})
	return err
}

// wait does work before the caller's own goes on.
func (s *Server) wait(work func(context.Context)) bool {
	s.bounded(work)
	return true
}
