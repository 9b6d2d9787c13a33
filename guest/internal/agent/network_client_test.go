package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// clientArgument makes the test program one of the machine's programs.
const clientArgument = "--client"

// runClient connects to each address and prints what comes of it.
//
//	connect ADDRESS…           reads until the other side ends
//	say TEXT ADDRESS           the same, after saying something
//	copy BYTES ADDRESS         sends that many bytes and no more, and counts what comes back
//	burst TOTAL AT-ONCE ADDRESS  makes connections, and counts those that carry 1,000 bytes there and back
//	lookup NETWORK SERVER NAME asks that server for the name's addresses of IPv4
//	drop ADDRESS               resets the connection as soon as there is one
//	hold COUNT ADDRESS         opens that many, and waits until standard input ends
func runClient(arguments []string) int {
	switch arguments[0] {
	case "connect":
		for _, address := range arguments[1:] {
			fmt.Println(address, heardAfter(address, ""))
		}
	case "say":
		fmt.Println(heardAfter(arguments[2], arguments[1]))
	case "copy":
		total, _ := strconv.ParseInt(arguments[1], 10, 64)
		fmt.Println(copyBytes(arguments[2], total))
	case "burst":
		total, _ := strconv.Atoi(arguments[1])
		atOnce, _ := strconv.Atoi(arguments[2])
		fmt.Println(burst(arguments[3], total, atOnce))
	case "lookup":
		fmt.Println(lookup(arguments[1], arguments[2], arguments[3]))
	case "drop":
		if client, err := net.Dial("tcp", arguments[1]); err == nil {
			_ = client.(*net.TCPConn).SetLinger(0)
			_ = client.Close()
		}
	case "hold":
		count, _ := strconv.Atoi(arguments[1])
		hold(arguments[2], count)
	}
	return 0
}

func heardAfter(address, text string) string {
	client, err := net.DialTimeout("tcp", address, 20*time.Second)
	if err != nil {
		return errorName(err)
	}
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(20 * time.Second))
	// Writing nothing as well would take the news of a reset away.
	if text != "" {
		if _, err := io.WriteString(client, text); err != nil {
			return errorName(err)
		}
	}
	heard, err := io.ReadAll(client)
	if err != nil {
		return errorName(err)
	}
	return strconv.Quote(string(heard))
}

func errorName(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return unix.ErrnoName(number)
	}
	return err.Error()
}

func copyBytes(address string, total int64) string {
	client, err := net.Dial("tcp", address)
	if err != nil {
		return errorName(err)
	}
	defer client.Close()
	go func() {
		_, _ = io.CopyN(client, zeroes{}, total)
		_ = client.(*net.TCPConn).CloseWrite()
	}()
	count, err := io.Copy(io.Discard, client)
	if err != nil {
		return errorName(err)
	}
	return strconv.FormatInt(count, 10)
}

func lookup(network, server, name string) string {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}}
	addresses, err := resolver.LookupNetIP(context.Background(), "ip4", name)
	return fmt.Sprint(addresses, err)
}

func burst(address string, total, atOnce int) int64 {
	var good atomic.Int64
	var all sync.WaitGroup
	turn := make(chan struct{}, atOnce)
	for range total {
		turn <- struct{}{}
		all.Add(1)
		go func() {
			defer all.Done()
			defer func() { <-turn }()
			if copyBytes(address, 1000) == "1000" {
				good.Add(1)
			}
		}()
	}
	all.Wait()
	return good.Load()
}

type zeroes struct{}

func (zeroes) Read(into []byte) (int, error) { return len(into), nil }

// hold says how each of its connections ended, in the order of their ends.
func hold(address string, count int) {
	var all []net.Conn
	ended := make(chan string, count)
	for range count {
		client, err := net.Dial("tcp", address)
		if err != nil {
			ended <- errorName(err)
			continue
		}
		all = append(all, client)
		go func() {
			if _, err := client.Read(make([]byte, 1)); err != nil {
				ended <- errorName(err)
			}
		}()
	}
	fmt.Println("holding")
	left := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(left)
	}()
	for {
		select {
		case how := <-ended:
			fmt.Println(how)
		case <-left:
			for _, client := range all {
				_ = client.Close()
			}
			return
		}
	}
}

// client runs the test program as a program of the machine.
func (h *host) client(arguments ...string) string {
	h.Helper()
	program, err := os.Executable()
	if err != nil {
		h.Fatal(err)
	}
	result := h.exec(command{Command: append([]string{program, clientArgument}, arguments...)}, nil)
	if result.code() != 0 || result.stderr.Len() > 0 {
		h.Errorf("%q: %+v %q", arguments, result.end, result.stderr.String())
	}
	return result.stdout.String()
}

func echo(t *testing.T) string {
	return fmt.Sprintf("127.0.0.1:%d", serve(t, "127.0.0.1:0", func(client *net.TCPConn) {
		defer client.Close()
		_, _ = io.Copy(client, client)
	}))
}
