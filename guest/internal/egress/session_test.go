package egress

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"pyro.dev/guest/internal/protocol"
)

// lines is a host that takes what it is sent.
type lines struct{ bytes.Buffer }

func (*lines) Flush() error { return nil }

// FuzzListen feeds a session what a host that is broken, or was taken over, might say.
func FuzzListen(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "{}\n", "null\n", "{\"id\":1,\"answer\":\"ok\"}\n", "{\"id\":1,\"answer\":\"ok\"}\n{\"id\":1,\"answer\":\"ok\"}\n",
		"{\"id\":2,\"answer\":\"denied\",\"rule\":\"deny x\",\"reason\":\"no\\u0007\"}\n", "{\"id\":-1}\n", "{\"id\":1e400}\n",
		"{\"id\":18446744073709551615,\"answer\":\"ok\"}\n", "{\"id\":1,\"id\":2,\"answer\":\"ok\"}\n", "[]\n", "{\"id\":2,\"answer\":\"",
		strings.Repeat("x", protocol.EgressLineBytesMax+1), strings.Repeat("[", 2000) + "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		session := newSession(New(Places{}))
		defer session.end()
		name := make(chan string, 1)
		session.asking[1] = name
		connection := &Connection{of: session, id: 2, answered: make(chan protocol.EgressAnswer, 1)}
		session.connections[2] = connection
		// Whoever waits is answered once at most, or the session would wait for him.
		_ = session.listen(bytes.NewReader(said))
		if len(name) == 1 && session.asking[1] != nil {
			t.Fatal("a question that was answered still waits")
		}
		if len(connection.answered) == 1 != connection.isAnswered {
			t.Fatal("the connection does not know whether it was answered")
		}
	})
}

// FuzzPage holds what a client is told against what a rule or reason could smuggle into it.
func FuzzPage(f *testing.F) {
	f.Add("deny a.example", "A rule denies a.example:80.")
	f.Add("deny\r\nset-cookie: x", "\x1b[2J\r\n\r\n<script>\u009b")
	f.Fuzz(func(t *testing.T, rule, reason string) {
		written := string(page(protocol.EgressAnswer{Rule: rule, Reason: reason}))
		head, body, isWhole := strings.Cut(written, "\r\n\r\n")
		if !isWhole || strings.Count(head, "\r\n") != 4 {
			t.Fatalf("the rule reaches beyond its header: %q", written)
		}
		for _, r := range body {
			if r != '\n' && r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
				t.Fatalf("a terminal would obey %q", body)
			}
		}
		if !utf8.ValidString(body) {
			t.Fatalf("%q is no text", body)
		}
	})
}

func TestSessionSaysNoMoreThanIsRead(t *testing.T) {
	session := newSession(New(Places{}))
	said := 0
	for session.say(protocol.EgressLine{Kind: protocol.EgressName, ID: uint64(said + 1), Name: "a.example"}) {
		said++
	}
	if said != linesMax {
		t.Fatalf("%d lines wait for a host that does not read", said)
	}
	if session.say(protocol.EgressLine{Kind: protocol.EgressName, Name: strings.Repeat("x", protocol.EgressLineBytesMax)}) {
		t.Fatal("a line is longer than hosts take")
	}
}

func TestSessionEndsWithItsHost(t *testing.T) {
	of := New(Places{})
	session := newSession(of)
	of.session = session
	client, server := net.Pipe()
	defer client.Close()
	ended := make(chan error, 1)
	go func() { ended <- session.Run(context.Background(), server, &lines{}) }()
	_, _ = io.WriteString(client, "no answer\n")
	if err := <-ended; !errors.Is(err, errRules) {
		t.Fatalf("a host that says nonsense ended it with %v", err)
	}
	if of.current() != nil {
		t.Fatal("nobody listens, and it is still open")
	}
}
