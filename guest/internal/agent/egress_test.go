package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"pyro.dev/guest/internal/protocol"
)

func TestEgressReachesServersByName(t *testing.T) {
	h := startNetworked(t)
	var g *gate
	page := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		// A program that is done already cannot be traced.
		eventually(t, "the program is known", func() bool {
			return len(g.said(protocol.EgressAttribution)) == len(g.said(protocol.EgressConnection))
		})
		_, _ = response.Write([]byte("hello " + request.Host))
	}))
	defer page.Close()
	g = h.openGate(allowTo(page.Listener.Addr().String()))
	for _, host := range []string{"example.org", "192.0.2.1", "10.0.0.1:8080", "[2001:db8::1]"} {
		result := h.exec(shell("curl -sS -m 20 http://"+host+"/"), nil)
		if result.stdout.String() != "hello "+host {
			t.Errorf("%s: %+v %q %q", host, result.end, result.stdout.String(), result.stderr.String())
		}
	}
	asked := g.said(protocol.EgressConnection)
	if len(asked) != 4 || asked[0].Host != "example.org" || asked[0].Port != 80 || asked[1].Host != "192.0.2.1" || asked[2].Port != 8080 || asked[3].Host != "2001:db8::1" {
		t.Errorf("%+v", asked)
	}
	if text := h.exec(shell("getent hosts EXAMPLE.org"), nil).stdout.String(); !strings.HasPrefix(text, "198.18.1.0 ") {
		t.Errorf("%q", text)
	}
	if asked := g.said(protocol.EgressName); len(asked) != 1 || asked[0].Name != "example.org" {
		t.Errorf("%+v", asked)
	}
	if traced := g.said(protocol.EgressAttribution); len(traced) != 4 {
		t.Errorf("%+v", traced)
	}
	for _, line := range g.said(protocol.EgressAttribution) {
		if line.Group != "command:7" || line.Program != "curl" {
			t.Errorf("%+v", line)
		}
	}
}

// TestEgressCarriesBothWaysToTheirEnds: much, both ways at once, each to its own end.
func TestEgressCarriesBothWaysToTheirEnds(t *testing.T) {
	h := startNetworked(t)
	h.openGate(allowTo(echo(t)))
	if counted := h.client("copy", "20000000", "192.0.2.1:7"); counted != "20000000\n" {
		t.Errorf("%q", counted)
	}
}

func TestEgressTellsOfDenials(t *testing.T) {
	h := startNetworked(t)
	g := h.openGate(func(line protocol.EgressLine) decision {
		if line.Kind == protocol.EgressName {
			return decision{EgressAnswer: protocol.EgressAnswer{Answer: protocol.EgressOK}}
		}
		return denied("deny evil.example\r\nx: y", "evil.example is denied.\nAllow it: pyro \x1b[2J")
	})
	get := h.exec(shell("curl -sS -i -m 20 http://evil.example/"), nil).stdout.String()
	for _, want := range []string{"HTTP/1.1 403 Forbidden\r\n", "x-pyro-denied: deny evil.example??x: y\r\n", "connection: close\r\n", "\r\n\r\nevil.example is denied.\nAllow it: pyro ?[2J\n"} {
		if !strings.Contains(get, want) {
			t.Errorf("no %q in %q", want, get)
		}
	}
	sent := h.exec(shell("head -c 300000 /dev/zero | curl -sS -m 20 -o page -w '%{http_code}' --data-binary @- http://evil.example:8080/; curl -sS -m 20 -I -o page -w ' %{http_code}' http://evil.example/"), nil)
	if sent.stdout.String() != "403 403" {
		t.Errorf("%q %q", sent.stdout.String(), sent.stderr.String())
	}
	for _, row := range [][]string{
		{"say", "GET / HTTP/1.1\r\n\r\n", "evil.example:443"},
		{"say", "\x16\x03\x01\x02", "evil.example:8443"},
		{"say", "GET / HTTP/2.0\r\n\r\n", "evil.example:80"},
		{"say", "get / http/1.1\r\n\r\n", "evil.example:80"},
		{"say", "SSH-2.0-OpenSSH\r\n", "evil.example:22"},
		{"say", strings.Repeat("A", 5000), "evil.example:80"},
		{"say", "", "evil.example:80"},
	} {
		if heard := h.client(row...); heard != "ECONNRESET\n" {
			t.Errorf("%.30q: %q", row, heard)
		}
	}
	// The host is told whose connection it was before its program learns of its end.
	eventually(t, "all connections are traced", func() bool {
		return len(g.said(protocol.EgressAttribution)) == len(g.said(protocol.EgressConnection))
	})
}

func TestEgressResetsWhatTheHostCannotConnect(t *testing.T) {
	h := startNetworked(t)
	answers := []string{protocol.EgressRefused, protocol.EgressUnreachable, protocol.EgressTimedOut, protocol.EgressFailed, "something new"}
	next := 0
	g := h.openGate(func(line protocol.EgressLine) decision {
		next++
		return decision{EgressAnswer: protocol.EgressAnswer{Answer: answers[next-1]}}
	})
	for range answers {
		if heard := h.client("connect", "192.0.2.1:80"); heard != "192.0.2.1:80 ECONNRESET\n" {
			t.Errorf("%q", heard)
		}
	}
	// Addresses that stand for no name are nobody's, and the host is not asked.
	if heard := h.client("connect", "198.18.9.9:80"); heard != "198.18.9.9:80 ECONNRESET\n" {
		t.Errorf("%q", heard)
	}
	if asked := g.said(protocol.EgressConnection); len(asked) != len(answers) {
		t.Errorf("%+v", asked)
	}
}

func TestEgressAnswersQuestionsForNames(t *testing.T) {
	h := startNetworked(t)
	h.openGate(func(line protocol.EgressLine) decision {
		answer := map[string]string{"no.example": protocol.EgressUnknown, "broken.example": protocol.EgressFailed, "other.example": protocol.EgressOK}[line.Name]
		return decision{EgressAnswer: protocol.EgressAnswer{Answer: answer}}
	})
	for _, name := range []string{"no.example", "broken.example"} {
		result := h.exec(shell("getent ahosts "+name), nil)
		if result.code() != 2 || result.stdout.Len() > 0 {
			t.Errorf("%s: %d %q", name, result.code(), result.stdout.String())
		}
	}
	for _, server := range []string{"198.18.0.1:53", "8.8.8.8:53", "10.0.0.2:53", "[2001:4860:4860::8888]:53"} {
		networks := []string{"udp", "tcp"}
		if server[0] == '[' {
			networks = networks[1:]
		}
		for _, network := range networks {
			if found := h.client("lookup", network, server, "other.example"); found != "[198.18.1.0] <nil>\n" {
				t.Errorf("%s %s: %q", network, server, found)
			}
		}
	}
	for name, want := range map[string]string{"localhost": "127.0.0.1", "x.localhost": "127.0.0.1"} {
		result := h.exec(shell("getent ahostsv4 "+name), nil)
		if !strings.HasPrefix(result.stdout.String(), want+" ") {
			t.Errorf("%s: %q", name, result.stdout.String())
		}
	}
}

// held starts a program that holds connections, and reads what it says.
func (h *host) held(count int, address string) (lines *bufio.Scanner, leave func()) {
	h.Helper()
	program, err := os.Executable()
	if err != nil {
		h.Fatal(err)
	}
	stdin, end := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	h.Cleanup(cancel)
	body, err := h.start(ctx, command{Command: []string{program, clientArgument, "hold", fmt.Sprint(count), address}}, stdin)
	if err != nil {
		h.Fatal(err)
	}
	output, written := io.Pipe()
	go func() {
		header := make([]byte, protocol.FrameHeaderBytes)
		for {
			kind, payload, err := nextFrame(body, header)
			if err != nil || kind == protocol.FrameEnd {
				_ = written.CloseWithError(io.EOF)
				return
			}
			if kind == protocol.FrameOutput {
				_, _ = written.Write(payload)
			}
		}
	}()
	lines = bufio.NewScanner(output)
	if !lines.Scan() || lines.Text() != "holding" {
		h.Fatalf("%q", lines.Text())
	}
	return lines, func() { _ = end.Close() }
}

func nextFrame(body io.Reader, header []byte) (protocol.FrameKind, []byte, error) {
	f := &forwarded{answer: io.NopCloser(body)}
	return f.next()
}

// TestEgressEndsWithItsHost: whatever was open or asked is over at once, and nothing gets out until another host comes.
func TestEgressEndsWithItsHost(t *testing.T) {
	h := startNetworked(t)
	silent := func(line protocol.EgressLine) decision { return decision{isSilent: line.Host != "example.org"} }
	server := echo(t)
	g := h.openGate(func(line protocol.EgressLine) decision {
		if line.Host == "192.0.2.9" || line.Name == "slow.example" {
			return silent(line)
		}
		return allowTo(server)(line)
	})
	first := h.exec(shell("getent hosts example.org"), nil).stdout.String()
	carried, leaveCarried := h.held(2, "example.org:80")
	defer leaveCarried()
	pending, leavePending := h.held(3, "192.0.2.9:80")
	defer leavePending()
	eventually(t, "all are asked for", func() bool { return len(g.said(protocol.EgressConnection)) == 5 })
	asking := make(chan int, 1)
	go func() { asking <- h.exec(shell("getent hosts slow.example"), nil).code() }()
	eventually(t, "the name is asked for", func() bool { return len(g.said(protocol.EgressName)) == 2 })
	g.leave()
	for lines, count := range map[*bufio.Scanner]int{carried: 2, pending: 3} {
		for range count {
			if !lines.Scan() || lines.Text() != "ECONNRESET" {
				t.Errorf("%q", lines.Text())
			}
		}
	}
	if code := <-asking; code != 2 {
		t.Errorf("a name that was asked for: exit code %d", code)
	}
	if heard := h.client("connect", "192.0.2.1:80", "[2001:db8::1]:80", "198.18.1.0:80"); strings.Count(heard, "ECONNRESET") != 3 {
		t.Errorf("%q", heard)
	}
	if result := h.exec(shell("getent hosts other.example; cat /etc/resolv.conf"), nil); result.stdout.String() != "nameserver 198.18.0.1\n" {
		t.Errorf("%q", result.stdout.String())
	}
	second := h.openGate(allowTo(server))
	if again := h.exec(shell("getent hosts third.example >/dev/null; getent hosts example.org"), nil).stdout.String(); again != first {
		t.Errorf("%q, then %q", first, again)
	}
	if counted := h.client("copy", "100000", "example.org:80"); counted != "100000\n" {
		t.Errorf("%q", counted)
	}
	earlier, later := g.said(protocol.EgressConnection), second.said(protocol.EgressConnection)
	if earlier[len(earlier)-1].ID >= later[0].ID {
		t.Errorf("a number is used again: %+v, %+v", earlier, later)
	}
}

func TestEgressBoundsConnections(t *testing.T) {
	h := startNetworked(t)
	g := h.openGate(func(line protocol.EgressLine) decision {
		return decision{isSilent: line.Port == 80, EgressAnswer: protocol.EgressAnswer{Answer: protocol.EgressRefused}}
	})
	lines, leave := h.held(300, "192.0.2.1:80")
	for range 300 - 256 {
		if !lines.Scan() || lines.Text() != "ECONNRESET" {
			t.Fatalf("%q", lines.Text())
		}
	}
	eventually(t, "the host is told of all", func() bool {
		return len(g.said(protocol.EgressConnection)) >= 256 && len(g.said(protocol.EgressConnectionLimit)) > 0
	})
	if asked := g.said(protocol.EgressConnection); len(asked) != 256 {
		t.Errorf("%d were asked for", len(asked))
	}
	told := g.said(protocol.EgressConnectionLimit)
	if told[0].Count != 1 {
		t.Errorf("%+v", told)
	}
	ids := g.said(protocol.EgressConnection)
	leave()
	// The host refuses them all, and there is room again.
	for _, line := range ids {
		text, _ := json.Marshal(protocol.EgressAnswer{ID: line.ID, Answer: protocol.EgressTimedOut})
		_, _ = g.body.Write(append(text, '\n'))
	}
	before := len(g.said(protocol.EgressConnection))
	eventually(t, "there is room again", func() bool {
		h.client("connect", "192.0.2.1:81")
		return len(g.said(protocol.EgressConnection)) > before
	})
}

func TestEgressManyConnections(t *testing.T) {
	h := startNetworked(t)
	h.openGate(allowTo(echo(t)))
	before, resident := h.descriptorCount(), h.residentBytes()
	if counted := h.client("burst", "2000", "64", "192.0.2.1:7"); counted != "2000\n" {
		t.Errorf("%q", counted)
	}
	eventually(t, "all descriptors are given back", func() bool { return h.descriptorCount() <= before+2 })
	if grown := h.residentBytes() - resident; grown > 40<<20 {
		t.Errorf("the agent grew by %d bytes", grown)
	}
}

func TestEgressRefusals(t *testing.T) {
	h := startNetworked(t)
	h.refused("POST", "/v1/egress/connection?id=1", "", protocol.CodeNotFound)
	g := h.openGate(func(protocol.EgressLine) decision { return decision{isSilent: true} })
	h.refused("POST", "/v1/egress", "", protocol.CodeConflict)
	for _, query := range []string{"", "?id=0", "?id=-1", "?id=x"} {
		h.refused("POST", "/v1/egress/connection"+query, "", protocol.CodeBadRequest)
	}
	h.refused("POST", "/v1/egress/connection?id=999", "", protocol.CodeNotFound)
	h.client("drop", "192.0.2.1:80")
	eventually(t, "the host is asked", func() bool { return len(g.said(protocol.EgressConnection)) == 1 })
	// The client has gone before the host was ready, and the second time nobody knows of it.
	for range 2 {
		h.refused("POST", fmt.Sprintf("/v1/egress/connection?id=%d", g.said(protocol.EgressConnection)[0].ID), "", protocol.CodeNotFound)
	}
	compat := startActivated(t)
	compat.refused("POST", "/v1/egress", "", protocol.CodeUnsupported)
	compat.refused("POST", "/v1/egress/connection?id=1", "", protocol.CodeUnsupported)
}

// TestEgressHostsThatBreakTheRules lose the way out, and with it everything that was open.
func TestEgressHostsThatBreakTheRules(t *testing.T) {
	h := startNetworked(t)
	for what, text := range map[string]string{
		"no JSON":      "hello\n",
		"another type": `{"id":"1"}` + "\n",
		"a long line":  strings.Repeat(" ", protocol.EgressLineBytesMax) + "{}\n",
	} {
		g := h.openGate(allowTo("127.0.0.1:1"))
		_, _ = g.body.Write([]byte(text))
		select {
		case <-g.ended:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s was taken", what)
		}
	}
	// Answers to what nobody asks are passed over.
	g := h.openGate(allowTo(echo(t)))
	_, _ = g.body.Write([]byte(`{"id":99,"answer":"ok","more":[1]}` + "\n"))
	if counted := h.client("copy", "1000", "192.0.2.1:7"); counted != "1000\n" {
		t.Errorf("%q", counted)
	}
}

// TestEgressThatIsClosed leaves a machine as it is.
func TestEgressThatIsClosed(t *testing.T) {
	h := startNetworked(t)
	result := h.exec(shell("ip rule; ip -6 rule; ip addr show lo; cat /proc/net/tcp /proc/net/udp"), nil)
	if text := result.stdout.String(); strings.Contains(text, "7953") || strings.Contains(text, "198.18") || strings.Contains(text, ": ") && strings.Contains(text, " 0A ") {
		t.Errorf("%s", text)
	}
	if heard := h.client("connect", "192.0.2.1:80", "[2001:db8::1]:80"); strings.Count(heard, "ENETUNREACH") != 2 {
		t.Errorf("%q", heard)
	}
}

func TestEgressOfAnAgentThatLeaves(t *testing.T) {
	h := startNetworked(t)
	h.openGate(allowTo(echo(t)))
	h.socket.Close()
	if err := h.process.Wait(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
