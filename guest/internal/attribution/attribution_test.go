package attribution

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

func pair(t *testing.T, address string) (client, server netip.AddrPort, leave func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("no %s here: %v", address, err)
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	leave = func() {
		dialled.Close()
		accepted.Close()
	}
	t.Cleanup(leave)
	return dialled.LocalAddr().(*net.TCPAddr).AddrPort(), dialled.RemoteAddr().(*net.TCPAddr).AddrPort(), leave
}

func TestTrace(t *testing.T) {
	own := commOf(os.Getpid())
	if own == "" || len(own) > 15 {
		t.Fatalf("%q", own)
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		for _, processes := range [][]int{{os.Getpid()}, {1, 2, os.Getpid()}} {
			var asked []uint64
			tracer := New(func(number uint64) (string, []int) {
				asked = append(asked, number)
				return "command:1", slices.Clone(processes)
			})
			client, server, leave := pair(t, address)
			for range 2 {
				if origin := tracer.Trace(client, server); origin != (Origin{"command:1", own}) {
					t.Errorf("%s: %+v", address, origin)
				}
			}
			if len(asked) != 2 || asked[0] == 0 || asked[0] != asked[1] {
				t.Errorf("%s: asked of %v", address, asked)
			}
			leave()
		}
	}
}

// TestTraceOfWhatIsNotThere: whoever made the connection has left, or never was.
func TestTraceOfWhatIsNotThere(t *testing.T) {
	tracer := New(func(uint64) (string, []int) { return "command:1", []int{1 << 22, os.Getpid()} })
	client, server, _ := pair(t, "127.0.0.1:0")
	other := netip.AddrPortFrom(server.Addr(), client.Port()^1)
	if origin := tracer.Trace(client, other); origin != (Origin{}) {
		t.Errorf("%+v", origin)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if origin := tracer.Trace(listener.Addr().(*net.TCPAddr).AddrPort(), server); origin != (Origin{}) {
		t.Errorf("a server was taken for a client: %+v", origin)
	}
	if origin := New(nil).Trace(client, server); origin != (Origin{}) {
		t.Errorf("%+v", origin)
	}
}

// TestProgramsAreWhatTheyCallThemselves: nobody else is to take that for harmless text.
func TestProgramsAreWhatTheyCallThemselves(t *testing.T) {
	name := "\x1b[2J\"\n\xff" + strings.Repeat("x", 20)
	previous := commOf(os.Getpid())
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.WriteFile("/proc/self/comm", []byte(previous), 0) }()
	if got := commOf(os.Getpid()); got != name[:15] {
		t.Errorf("%q", got)
	}
}

func BenchmarkTrace(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	tracer := New(func(uint64) (string, []int) { return "command:1", []int{os.Getpid()} })
	from, to := client.LocalAddr().(*net.TCPAddr).AddrPort(), client.RemoteAddr().(*net.TCPAddr).AddrPort()
	for b.Loop() {
		if origin := tracer.Trace(from, to); origin.Program == "" {
			b.Fatal("not found")
		}
	}
}
