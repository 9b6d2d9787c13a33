package names

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func serveDatagrams(t *testing.T, server *Server) *net.UDPConn {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = socket.SetReadBuffer(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.ServeDatagrams(socket) }()
	t.Cleanup(func() {
		socket.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	client, err := net.DialUDP("udp4", nil, socket.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	_ = client.SetReadBuffer(1 << 20)
	_ = client.SetDeadline(time.Now().Add(20 * time.Second))
	return client
}

func receive(t *testing.T, client *net.UDPConn) answered {
	t.Helper()
	buffer := make([]byte, 2*answerBytesMax)
	n, err := client.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	_, seen := read1(t, buffer[:n])
	return seen
}

// TestDatagrams: a host that is slow holds up only those who ask for what it has to be asked for.
func TestDatagrams(t *testing.T) {
	r := zone("example.org")
	release := make(chan struct{})
	r.Ask = func(context.Context, string) Existence {
		<-release
		return Exists
	}
	client := serveDatagrams(t, NewServer(*r))
	for _, message := range [][]byte{make([]byte, QuestionBytesMax+1), {}, []byte("x"), pack(t, ask("slow.example.", dnsmessage.TypeA)), pack(t, ask("localhost.", dnsmessage.TypeA))} {
		if _, err := client.Write(message); err != nil {
			t.Fatal(err)
		}
	}
	if seen := receive(t, client); len(seen.values) != 1 || seen.values[0] != "127.0.0.1" {
		t.Errorf("%+v", seen)
	}
	for range askedMax {
		if _, err := client.Write(pack(t, ask("slow.example.", dnsmessage.TypeA))); err != nil {
			t.Fatal(err)
		}
	}
	if seen := receive(t, client); seen.code != dnsmessage.RCodeServerFailure {
		t.Errorf("%+v", seen)
	}
	close(release)
	for range askedMax {
		if seen := receive(t, client); len(seen.values) != 1 || seen.values[0] != "198.18.1.0" {
			t.Fatalf("%+v", seen)
		}
	}
}

func TestStreams(t *testing.T) {
	server := NewServer(*zone("example.org"))
	ours, theirs := net.Pipe()
	ended := make(chan struct{})
	go func() {
		server.ServeStream(theirs)
		close(ended)
	}()
	_ = ours.SetDeadline(time.Now().Add(20 * time.Second))
	for range 3 {
		message := pack(t, ask("example.org.", dnsmessage.TypeA))
		if _, err := ours.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)); err != nil {
			t.Fatal(err)
		}
		var length [2]byte
		if _, err := io.ReadFull(ours, length[:]); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(ours, answer); err != nil {
			t.Fatal(err)
		}
		if _, seen := read1(t, answer); len(seen.values) != 1 || seen.values[0] != "198.18.1.0" {
			t.Errorf("%+v", seen)
		}
	}
	// What is longer than any question, or none, ends the connection.
	if _, err := ours.Write([]byte{0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	<-ended
	if _, err := ours.Read(make([]byte, 1)); err == nil {
		t.Error("it goes on")
	}
}
