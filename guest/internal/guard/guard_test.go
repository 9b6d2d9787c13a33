package guard

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain makes the test program play the guardian: locks are seen only from another process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Argument {
		os.Exit(Run(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// guarded is a guardian and what it guards.
type guarded struct {
	*testing.T
	process *exec.Cmd
	machine int
	output  *bufio.Reader
	ended   chan int
}

// start guards a shell that says its PID and goes on.
func start(t *testing.T, script string, options ...string) *guarded {
	t.Helper()
	arguments := append([]string{Argument}, options...)
	g := &guarded{T: t, ended: make(chan int, 1)}
	g.process = exec.Command("/proc/self/exe", append(arguments, "--", "sh", "-c", "echo $$; "+script)...)
	stdout, err := g.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.process.Stderr = os.Stderr
	if err := g.process.Start(); err != nil {
		t.Fatal(err)
	}
	g.output = bufio.NewReader(stdout)
	line, err := g.output.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	g.machine, _ = strconv.Atoi(strings.TrimSpace(line))
	go func() {
		// Whatever holds the output has ended then.
		_, _ = io.Copy(io.Discard, g.output)
		_ = g.process.Wait()
		g.ended <- g.process.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = unix.Kill(g.machine, unix.SIGKILL)
		_ = g.process.Process.Kill()
	})
	return g
}

func (g *guarded) status() int {
	g.Helper()
	select {
	case status := <-g.ended:
		return status
	case <-time.After(20 * time.Second):
		g.Fatal("it runs on")
		return -1
	}
}

func (g *guarded) runsOn(duration time.Duration) {
	g.Helper()
	select {
	case status := <-g.ended:
		g.Fatalf("it ended with %d", status)
	case <-time.After(duration):
	}
}

const forever = "exec sleep 60"

// hold takes a lock as SQLite does.
func hold(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 0x40000000, Len: 512}
	if err := unix.FcntlFlock(file.Fd(), unix.F_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func word(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheMachinesEndIsTheGuardians(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -KILL $$": 137} {
		if got := start(t, script).status(); got != want {
			t.Errorf("%s: %d", script, got)
		}
	}
}

func TestTimeToLive(t *testing.T) {
	said := filepath.Join(t.TempDir(), "ended")
	if got := start(t, forever, "--ttl-seconds=1", "--word="+said).status(); got != endedByGuard {
		t.Errorf("%d", got)
	}
	if got := word(t, said); got != "its time to live was over\n" {
		t.Errorf("%q", got)
	}
}

func TestUnattended(t *testing.T) {
	directory := t.TempDir()
	lock, said := filepath.Join(directory, "lock"), filepath.Join(directory, "ended")
	holder := hold(t, lock)
	g := start(t, forever, "--lock="+lock, "--place="+lock, "--unattended-seconds=1", "--word="+said)
	g.runsOn(3 * time.Second)
	holder.Close()
	if got := g.status(); got != endedByGuard {
		t.Errorf("%d", got)
	}
	if got := word(t, said); got != "no pyro looked after it for 1 s\n" {
		t.Errorf("%q", got)
	}
}

func TestPlaceIsGone(t *testing.T) {
	for name, lose := range map[string]func(place string){
		"removed":  func(place string) { _ = os.RemoveAll(filepath.Dir(place)) },
		"replaced": func(place string) { _ = os.WriteFile(place+".new", nil, 0o600); _ = os.Rename(place+".new", place) },
	} {
		lock := filepath.Join(t.TempDir(), "workspace", "lock")
		if err := os.Mkdir(filepath.Dir(lock), 0o755); err != nil {
			t.Fatal(err)
		}
		hold(t, lock)
		// A short limit makes for frequent looks; it does not end what is held.
		g := start(t, forever, "--lock="+lock, "--place="+lock, "--unattended-seconds=1")
		g.runsOn(1500 * time.Millisecond)
		lose(lock)
		if got := g.status(); got != endedByGuard {
			t.Errorf("%s: %d", name, got)
		}
	}
}

func TestTerminationIsPassedOn(t *testing.T) {
	g := start(t, "trap 'exit 9' TERM; while :; do sleep 0.1; done")
	// Both say that they are there before they take signals.
	g.runsOn(500 * time.Millisecond)
	_ = g.process.Process.Signal(unix.SIGTERM)
	if got := g.status(); got != 9 {
		t.Errorf("%d", got)
	}
}

func TestTheMachineEndsWithItsGuardian(t *testing.T) {
	g := start(t, forever)
	_ = g.process.Process.Kill()
	// Its output ends only with the machine.
	g.status()
}
