package steering

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const networkVariable = "PYRO_TEST_NETWORK"

// inNetwork runs the test in a network of its own, which has nothing but loopback, as a machine's: in another process,
// where it answers true.
func inNetwork(t *testing.T) bool {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no program ip here")
	}
	if os.Getenv(networkVariable) != "" {
		run(t, "ip link set lo up")
		return true
	}
	test := exec.Command("/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "60s")
	test.Env = append(os.Environ(), networkVariable+"=1")
	test.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	output, err := test.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM):
		t.Skip("a network of one's own needs root")
	case err != nil:
		t.Errorf("%v\n%s", err, output)
	case strings.Contains(string(output), "--- SKIP"):
		t.Skipf("%s", output)
	}
	return false
}

func run(t *testing.T, line string) string {
	t.Helper()
	output, err := exec.Command("sh", "-ec", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, output)
	}
	return string(output)
}

func open(t *testing.T) *Steering {
	t.Helper()
	opened, err := Open()
	if errors.Is(err, unix.EPERM) {
		t.Skipf("programs may not be loaded into this kernel: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

// greet serves connections with a word.
func greet(t *testing.T, listener net.Listener, word string) {
	t.Helper()
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(client, word+" as "+client.LocalAddr().String())
			_ = client.Close()
		}
	}()
}

func listen(t *testing.T, address, word string) {
	t.Helper()
	network := "tcp6"
	if netip.MustParseAddrPort(address).Addr().Is4() {
		network = "tcp4"
	}
	if strings.HasPrefix(address, "[::]") {
		// Both families.
		network = "tcp"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	greet(t, listener, word)
}

// greeting is what a connection to the address hears, or why there is none.
func greeting(network, address string) string {
	client, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return reason(err)
	}
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(5 * time.Second))
	heard, err := io.ReadAll(client)
	if err != nil {
		return reason(err)
	}
	return string(heard)
}

// greetingMapped speaks IPv4 through a socket of IPv6.
func greetingMapped(t *testing.T, address string, port int) string {
	t.Helper()
	client, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(client)
	if err := unix.Connect(client, &unix.SockaddrInet6{Addr: netip.MustParseAddr(address).As16(), Port: port}); err != nil {
		return reason(err)
	}
	buffer := make([]byte, 100)
	n, err := unix.Read(client, buffer)
	if err != nil {
		return reason(err)
	}
	return string(buffer[:n])
}

func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return unix.ErrnoName(number)
	}
	return err.Error()
}

func expect(t *testing.T, network string, rows map[string]string) {
	t.Helper()
	for address, want := range rows {
		if got := greeting(network, address); got != want {
			t.Errorf("%s %s: %q, not %q", network, address, got, want)
		}
	}
}

// TestConnections: the agent gets what is meant for other machines, and nothing else, whatever listens in the machine.
func TestConnections(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	opened := open(t)
	for _, listener := range opened.Streams {
		greet(t, listener, "agent")
	}
	listen(t, "0.0.0.0:8000", "server")
	listen(t, "[::]:8001", "server")
	listen(t, "127.0.0.1:8002", "server")
	rows := map[string]string{}
	for _, outside := range []string{"192.0.2.1", "10.0.0.1", "169.254.169.254", "198.18.1.0", "198.18.0.2", "1.1.1.1", "0.1.2.3", "240.0.0.1", "[2001:db8::1]", "[fd00::1]", "[64:ff9b::a00:1]"} {
		for _, port := range []string{"80", "443", "8000", "8001", "8002", "1", "53", "65535"} {
			rows[outside+":"+port] = "agent as " + outside + ":" + port
		}
	}
	expect(t, "tcp", rows)
	if heard := greetingMapped(t, "::ffff:192.0.2.1", 8000); heard != "agent as 192.0.2.1:8000" {
		t.Errorf("%q", heard)
	}
	expect(t, "tcp", map[string]string{
		"127.0.0.1:8000":     "server as 127.0.0.1:8000",
		"127.0.0.1:8001":     "server as 127.0.0.1:8001",
		"127.0.0.1:8002":     "server as 127.0.0.1:8002",
		"127.1.2.3:8000":     "server as 127.1.2.3:8000",
		"0.0.0.0:8000":       "server as 127.0.0.1:8000",
		"[::1]:8001":         "server as [::1]:8001",
		"[::]:8001":          "server as [::1]:8001",
		"198.18.0.1:8000":    "server as 198.18.0.1:8000",
		"198.18.0.1:8001":    "server as 198.18.0.1:8001",
		"198.18.0.1:53":      "agent as 198.18.0.1:53",
		"198.18.0.1:8002":    "ECONNREFUSED",
		"127.0.0.1:8003":     "ECONNREFUSED",
		"127.0.0.1:53":       "ECONNREFUSED",
		"[::1]:8000":         "ECONNREFUSED",
		"224.0.0.1:80":       "ENETUNREACH",
		"255.255.255.255:80": "ENETUNREACH",
		"[ff02::1]:80":       "ENETUNREACH",
	})
}

// TestWhatLeavesByNoWay fails at once, with the reason that programs know.
func TestWhatLeavesByNoWay(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	opened := open(t)
	servers, err := net.ListenPacket("udp", "0.0.0.0:5000")
	if err != nil {
		t.Fatal(err)
	}
	defer servers.Close()
	for _, outside := range []string{"192.0.2.1:123", "192.0.2.1:443", "192.0.2.1:5000", "198.18.1.0:443", "198.18.1.0:5000", "[2001:db8::1]:443", "[2001:db8::1]:53", "224.0.0.251:5353", "255.255.255.255:67"} {
		if _, err := net.Dial("udp", outside); reason(err) != "ENETUNREACH" && !(strings.HasPrefix(outside, "255") && err != nil) {
			t.Errorf("%s: %v", outside, err)
		}
	}
	for family, protocols := range map[int][]int{
		unix.AF_INET:  {unix.IPPROTO_ICMP, unix.IPPROTO_SCTP, unix.IPPROTO_GRE, 255},
		unix.AF_INET6: {unix.IPPROTO_ICMPV6, unix.IPPROTO_SCTP, 200},
	} {
		for _, protocol := range protocols {
			if err := sendRaw(family, protocol); !errors.Is(err, unix.ENETUNREACH) {
				t.Errorf("family %d, protocol %d: %v", family, protocol, err)
			}
		}
	}
	local, err := net.Dial("udp", "127.0.0.1:5000")
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	_, _ = local.Write([]byte("x"))
	_ = servers.SetReadDeadline(time.Now().Add(5 * time.Second))
	buffer := make([]byte, 100)
	if n, _, err := servers.ReadFrom(buffer); n != 1 || err != nil {
		t.Errorf("loopback: %d %v", n, err)
	}
	for _, asked := range []string{"198.18.0.1:53", "8.8.8.8:53", "10.0.0.2:53"} {
		checkQuestion(t, opened.Questions, asked)
	}
}

func sendRaw(family, protocol int) error {
	socket, err := unix.Socket(family, unix.SOCK_RAW, protocol)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	var to unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}}
	if family == unix.AF_INET6 {
		to = &unix.SockaddrInet6{Addr: netip.MustParseAddr("2001:db8::1").As16()}
	}
	packet := make([]byte, 40)
	// Where the program writes the header of IPv4 itself, it has to look like one.
	if protocol == unix.IPPROTO_RAW && family == unix.AF_INET {
		copy(packet, []byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1})
		packet[9] = unix.IPPROTO_ICMP
	}
	return unix.Sendto(socket, packet, 0, to)
}

// checkQuestion asks, and waits for the agent's socket to get it.
func checkQuestion(t *testing.T, questions *net.UDPConn, asked string) {
	t.Helper()
	client, err := net.Dial("udp", asked)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("question to " + asked)); err != nil {
		t.Fatal(err)
	}
	_ = questions.SetReadDeadline(time.Now().Add(5 * time.Second))
	buffer := make([]byte, 100)
	n, _, err := questions.ReadFrom(buffer)
	if err != nil || string(buffer[:n]) != "question to "+asked {
		t.Errorf("%q %v", buffer[:n], err)
	}
}

// TestOtherNetworksOfTheMachine stay as they are: bridges with containers behind them, which have the same way out.
func TestOtherNetworksOfTheMachine(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	if output, err := exec.Command("ip", "link", "add", "br0", "type", "bridge").CombinedOutput(); err != nil {
		t.Skipf("this kernel has no bridges: %s", output)
	}
	run(t, "ip addr add 172.17.0.1/16 dev br0 && ip link set br0 up")
	opened := open(t)
	for _, listener := range opened.Streams {
		greet(t, listener, "agent")
	}
	container := exec.Command("sleep", "60")
	container.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	if err := container.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = container.Process.Kill()
		_ = container.Wait()
	}()
	inContainer := fmt.Sprintf("nsenter -t %d -n ", container.Process.Pid)
	run(t, "ip link add far type veth peer name near && ip link set near master br0 up")
	run(t, "ip addr add 10.9.0.1/24 dev br0 && ip addr add fd09::1/64 dev br0 nodad")
	run(t, fmt.Sprintf("ip link set far netns %d", container.Process.Pid))
	run(t, inContainer+"sh -ec 'ip link set lo up; ip addr add 172.17.0.2/16 dev far; ip link set far up; ip route add default via 172.17.0.1'")
	listen(t, "0.0.0.0:8000", "server")
	listen(t, "[::]:8001", "server")
	expect(t, "tcp", map[string]string{
		"172.17.0.1:8000": "server as 172.17.0.1:8000",
		"10.9.0.1:8000":   "server as 10.9.0.1:8000",
		"[fd09::1]:8001":  "server as [fd09::1]:8001",
		"172.18.0.1:8000": "agent as 172.18.0.1:8000",
		"172.17.0.2:8000": "ECONNREFUSED",
	})
	within := func(address string) string {
		return run(t, inContainer+"timeout 10 bash -c 'cat < /dev/tcp/"+address+"'")
	}
	if heard := within("172.17.0.1/8000"); heard != "server as 172.17.0.1:8000" {
		t.Errorf("the bridge: %q", heard)
	}
	if heard := within("192.0.2.1/8000"); heard != "agent as 192.0.2.1:8000" {
		t.Errorf("another machine: %q", heard)
	}
	run(t, "ip addr del 10.9.0.1/24 dev br0")
	deadline := time.Now().Add(10 * time.Second)
	for greeting("tcp", "10.9.0.1:8000") != "agent as 10.9.0.1:8000" {
		if time.Now().After(deadline) {
			t.Fatal("an address that is gone stays the machine's own")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestNoTrace: a machine has nothing of this before, and no way out after.
func TestNoTrace(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	look := func() string { return run(t, "ip rule; ip -6 rule") }
	before := look()
	expect(t, "tcp", map[string]string{"192.0.2.1:80": "ENETUNREACH", "[2001:db8::1]:80": "ENETUNREACH"})
	for range 3 {
		opened := open(t)
		if second, err := Open(); err == nil {
			_ = second.Close()
			t.Fatal("there were two")
		}
		if during := look(); during == before || strings.Count(during, "7953") != 3 {
			t.Errorf("%s", during)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
		if after := look(); after != before {
			t.Errorf("%s", after)
		}
		expect(t, "tcp", map[string]string{"192.0.2.1:80": "ENETUNREACH", "[2001:db8::1]:80": "ENETUNREACH"})
	}
}
