package launch

import (
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// What shells answer for a program that a signal ended, and that of one that is killed.
const (
	exitBySignal = 128
	exitKilled   = exitBySignal + int(unix.SIGKILL)
)

// forwarded are the signals that whoever runs the command line is to have.
var forwarded = []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGWINCH}

// relay carries the streams and signals until the command line has ended, and answers its exit code.
func (c *call) relay() int {
	_ = os.WriteFile("/proc/self/comm", []byte("pyro"), 0)
	// A reader that is gone is told to whoever writes, who ends in his own way.
	signal.Ignore(unix.SIGPIPE)
	received := make(chan os.Signal, 16)
	for _, each := range forwarded {
		// Under nohup it stays ignored.
		if !signal.Ignored(each) {
			signal.Notify(received, each)
		}
	}
	events := make(chan string)
	go c.readEvents(events)
	var outputs sync.WaitGroup
	for i, to := range []*os.File{os.Stdout, os.Stderr} {
		outputs.Add(1)
		go func() {
			defer outputs.Done()
			carryOut(to, c.streams[i+1])
		}()
	}
	last := syscall.Signal(0)
	for {
		select {
		case caught := <-received:
			if caught == unix.SIGWINCH {
				columns, rows := size()
				c.tell("size " + strconv.Itoa(columns) + " " + strconv.Itoa(rows))
				continue
			}
			last = caught.(syscall.Signal)
			c.tell("signal " + unix.SignalName(last))
		case event, isOpen := <-events:
			code, hasEnded := 0, !isOpen
			switch {
			case !isOpen && last != 0:
				code = exitBySignal + int(last)
			case !isOpen:
				code = exitKilled
			case event == "read":
				go c.carryIn()
			default:
				code, hasEnded = exitCode(event)
			}
			if !hasEnded {
				continue
			}
			outputs.Wait()
			if !isOpen && last == 0 {
				os.Stderr.WriteString("error: the process that ran this command line is gone.\nhint: Run it again.\n")
			}
			return code
		}
	}
}

func (c *call) readEvents(to chan<- string) {
	defer close(to)
	for {
		line, err := c.events.ReadString('\n')
		if err != nil {
			return
		}
		to <- strings.TrimSuffix(line, "\n")
	}
}

func (c *call) tell(what string) {
	_, _ = c.control.Write([]byte(what + "\n"))
}

// carryIn begins when somebody wants to read: what nobody reads is left to whoever comes after us.
func (c *call) carryIn() {
	_, _ = io.Copy(c.streams[0], os.Stdin)
	_ = c.streams[0].CloseWrite()
}

func carryOut(to *os.File, from *net.UnixConn) {
	_, _ = io.Copy(to, from)
	from.Close()
}

func exitCode(event string) (code int, isExit bool) {
	text, isExit := strings.CutPrefix(event, "exit ")
	if !isExit {
		return 0, false
	}
	code, err := strconv.Atoi(text)
	return code, err == nil
}
