package egress

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"pyro.dev/guest/internal/protocol"
)

const (
	// requestMax is how long a client may take to show that it speaks HTTP.
	requestMax = 300 * time.Millisecond
	// requestLineBytesMax bounds what is read of a request to tell that it is one.
	requestLineBytesMax = 4 << 10
	// leavingMax and leavingBytesMax bound what is read of the rest: a client that still sends would otherwise lose the page.
	leavingMax      = time.Second
	leavingBytesMax = 1 << 20
	securePort      = 443
)

var requestLine = regexp.MustCompile(`^[A-Z]{1,20} [^ \r\n]+ HTTP/1\.[01]\r?\n`)

// refuse tells a client that policy denied its connection: in words where it speaks plain HTTP, by a reset elsewhere.
func refuse(client *net.TCPConn, answer protocol.EgressAnswer) {
	if client.LocalAddr().(*net.TCPAddr).Port == securePort || !speaksHTTP(client) {
		reset(client)
		return
	}
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(leavingMax))
	if _, err := client.Write(page(answer)); err != nil {
		return
	}
	_ = client.CloseWrite()
	_, _ = io.CopyN(io.Discard, client, leavingBytesMax)
}

// speaksHTTP reads the first line of a request.
func speaksHTTP(client *net.TCPConn) bool {
	_ = client.SetReadDeadline(time.Now().Add(requestMax))
	begun := make([]byte, 0, requestLineBytesMax)
	for {
		n, err := client.Read(begun[len(begun):cap(begun)])
		begun = begun[:len(begun)+n]
		if bytes.IndexByte(begun, '\n') >= 0 {
			return requestLine.Match(begun)
		}
		// The first byte of TLS is no letter, and neither is that of most else.
		if err != nil || len(begun) == cap(begun) || begun[0] < 'A' || begun[0] > 'Z' {
			return false
		}
	}
}

// page is for people and for programs; what a policy's rule says was written by people.
func page(answer protocol.EgressAnswer) []byte {
	body := shown(answer.Reason) + "\n"
	return fmt.Appendf(nil, "HTTP/1.1 403 Forbidden\r\nx-pyro-denied: %s\r\ncontent-type: text/plain; charset=utf-8\r\n"+
		"content-length: %d\r\nconnection: close\r\n\r\n%s", header(answer.Rule), len(body), body)
}

// header keeps what may stand in a header.
func header(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

// shown keeps lines, and nothing else that a terminal obeys.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return '?'
		}
		return r
	}, text)
}
