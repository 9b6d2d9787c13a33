package compat

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stopGrace = 2 * time.Second
	// killRoundsMax bounds the chase of processes that fork faster than they are found.
	killRoundsMax = 50
	killRound     = 100 * time.Millisecond
	environMax    = 4 << 20
)

// group is every process that carries a mark.
type group struct {
	mark     string
	isPrefix bool
}

func (g *group) Terminate() {
	for _, pid := range g.pids() {
		_ = unix.Kill(pid, unix.SIGTERM)
		_ = unix.Kill(pid, unix.SIGCONT)
	}
}

func (g *group) Kill() {
	for range killRoundsMax {
		pids := g.pids()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		g.AwaitEmpty(killRound)
	}
}

// AwaitEmpty waits for each process it finds, and looks again for what they left.
func (g *group) AwaitEmpty(limit time.Duration) bool {
	deadline := time.Now().Add(limit)
	for {
		pids := g.pids()
		if len(pids) == 0 {
			return true
		}
		if !awaitOne(pids[0], deadline) {
			return false
		}
	}
}

func awaitOne(pid int, deadline time.Time) bool {
	handle, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return true
	}
	defer unix.Close(handle)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		waiting := []unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}
		if n, _ := unix.Poll(waiting, int(left/time.Millisecond)+1); n > 0 {
			return true
		}
	}
}

func (g *group) ProcessCount() int { return len(g.pids()) }

// OOMKilled is unknown here: the host's kernel does not say whom it killed.
func (g *group) OOMKilled() bool { return false }

func (g *group) Release() {}

// pids leaves out zombies: they have no environment left to read.
func (g *group) pids() []int {
	entries, _ := filepath.Glob("/proc/[0-9]*/environ")
	var pids []int
	for _, path := range entries {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile(path)
		if err == nil && len(environ) <= environMax && g.isMarked(environ) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (g *group) isMarked(environ []byte) bool {
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if string(variable) == g.mark || g.isPrefix && bytes.HasPrefix(variable, []byte(g.mark)) {
			return true
		}
	}
	return false
}
