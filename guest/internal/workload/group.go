package workload

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// groupsFreeMax is how many empty control groups wait for their next command.
	groupsFreeMax = 16
	// groupsSweptMax bounds the work one command does for the leftovers of others.
	groupsSweptMax = 8
	controlTextMax = 4096
)

// groups lends control groups. They are used again rather than removed: making
// one is slow, and a removed one lives on in the kernel as long as any page it
// was charged for.
type groups struct {
	mutex sync.Mutex
	free  []*group
	// lent are in use by commands that have not ended.
	lent map[*group]struct{}
	// lingering still have processes of a command that ended.
	lingering []*group
	made      int
	// memoryMax is the workload's own bound, set on each group as well: runtimes look
	// for theirs in the group they are in, and nowhere above.
	memoryMax string
}

// group is one command's control group.
type group struct {
	from      *groups
	path      string
	directory int
	events    int
	memory    int
	// number is the kernel's name for it.
	number uint64
	// label is the host's, for as long as processes of that command are in it.
	label string
	// killsBefore are those of earlier commands in the same group.
	killsBefore int64
}

func (g *groups) take(label string) (*group, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.sweep()
	taken, err := g.takeEmpty()
	if err != nil {
		return nil, err
	}
	taken.label = label
	if g.lent == nil {
		g.lent = map[*group]struct{}{}
	}
	g.lent[taken] = struct{}{}
	return taken, nil
}

func (g *groups) takeEmpty() (*group, error) {
	last := len(g.free) - 1
	if last < 0 {
		return g.makeNext()
	}
	taken := g.free[last]
	g.free = g.free[:last]
	taken.killsBefore = taken.kills()
	return taken, nil
}

// numbered finds the group that the kernel knows by the number, nil where there is none with processes of commands.
func (g *groups) numbered(number uint64) *group {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for each := range g.lent {
		if each.number == number {
			return each
		}
	}
	for _, each := range g.lingering {
		if each.number == number {
			return each
		}
	}
	return nil
}

// begin makes the first group ahead of its command: in a template it costs nobody time.
func (g *groups) begin(memoryMax string) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.memoryMax = memoryMax
	first, err := g.makeNext()
	if err == nil {
		g.keep(first)
	}
	return err
}

// makeNext passes over names that an earlier agent's commands still hold.
func (g *groups) makeNext() (*group, error) {
	for {
		g.made++
		made, err := g.make(workloadCgroup + "/command-" + strconv.Itoa(g.made))
		if !errors.Is(err, os.ErrExist) {
			return made, err
		}
	}
}

func (g *groups) make(path string) (*group, error) {
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("make a control group: %w", err)
	}
	made := &group{from: g, path: path, directory: -1, events: -1, memory: -1}
	if err := writeCgroup(path+"/memory.max", g.memoryMax); err != nil {
		made.remove()
		return nil, err
	}
	for _, open := range []struct {
		into  *int
		path  string
		flags int
	}{
		{&made.directory, path, unix.O_RDONLY | unix.O_DIRECTORY},
		{&made.events, path + "/cgroup.events", unix.O_RDONLY},
		{&made.memory, path + "/memory.events", unix.O_RDONLY},
	} {
		descriptor, err := unix.Open(open.path, open.flags|unix.O_CLOEXEC, 0)
		if err != nil {
			made.remove()
			return nil, fmt.Errorf("open %s: %w", open.path, err)
		}
		*open.into = descriptor
	}
	var status unix.Stat_t
	if err := unix.Fstat(made.directory, &status); err != nil {
		made.remove()
		return nil, err
	}
	made.number = status.Ino
	return made, nil
}

// sweep takes back the groups whose leftovers have ended meanwhile.
func (g *groups) sweep() {
	for range min(len(g.lingering), groupsSweptMax) {
		oldest := g.lingering[0]
		g.lingering = g.lingering[1:]
		if oldest.isPopulated() {
			g.lingering = append(g.lingering, oldest)
			continue
		}
		g.keep(oldest)
	}
}

func (g *groups) keep(empty *group) {
	if len(g.free) < groupsFreeMax {
		g.free = append(g.free, empty)
		return
	}
	empty.remove()
}

// Release gives the group back; what still runs in it keeps running. Whether
// anything does is found out when the next command needs a group.
func (c *group) Release() {
	c.from.mutex.Lock()
	defer c.from.mutex.Unlock()
	delete(c.from.lent, c)
	c.from.lingering = append(c.from.lingering, c)
}

func (c *group) remove() {
	for _, descriptor := range []int{c.directory, c.events, c.memory} {
		if descriptor >= 0 {
			_ = unix.Close(descriptor)
		}
	}
	_ = unix.Rmdir(c.path)
}

// Terminate signals each process; those that fork meanwhile are for Kill.
func (c *group) Terminate() {
	for _, pid := range c.pids() {
		_ = unix.Kill(pid, unix.SIGTERM)
		// A stopped process would sleep through its chance to end by itself.
		_ = unix.Kill(pid, unix.SIGCONT)
	}
}

// Kill ends all of it at once, forks in flight included.
func (c *group) Kill() { _ = writeCgroup(c.path+"/cgroup.kill", "1") }

// ProcessCount is the number of living processes.
func (c *group) ProcessCount() int { return len(c.pids()) }

func (c *group) pids() []int {
	text, err := os.ReadFile(c.path + "/cgroup.procs")
	if err != nil {
		return nil
	}
	var pids []int
	for line := range bytes.Lines(text) {
		// Processes of outer namespaces read as 0, which kill takes for the agent's own group.
		if pid, err := strconv.Atoi(string(bytes.TrimSpace(line))); err == nil && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// AwaitEmpty waits for the kernel's word that no process is left.
func (c *group) AwaitEmpty(limit time.Duration) bool {
	deadline := time.Now().Add(limit)
	for c.isPopulated() {
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		changed := []unix.PollFd{{Fd: int32(c.events), Events: unix.POLLPRI}}
		_, _ = unix.Poll(changed, int(left/time.Millisecond)+1)
	}
	return true
}

// OOMKilled tells whether the kernel ended a process of this command for want of memory.
func (c *group) OOMKilled() bool { return c.kills() > c.killsBefore }

func (c *group) isPopulated() bool {
	return cgroupNumber(readControl(c.events), "populated") == 1
}

func (c *group) kills() int64 { return cgroupNumber(readControl(c.memory), "oom_kill") }

func readControl(descriptor int) string {
	buffer := make([]byte, controlTextMax)
	n, err := unix.Pread(descriptor, buffer, 0)
	if err != nil {
		return ""
	}
	return string(buffer[:n])
}
