package boot

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

const (
	// quickDeath is how soon after its start an ended agent counts as hopeless.
	quickDeath = 10 * time.Second
	// quickDeathsMax is the number of those in a row that ends the machine.
	quickDeathsMax = 2
	// agentSlack is how late the kernel may wake the agent's threads, in nanoseconds. The Go runtime's monitor otherwise wakes
	// every 20 microseconds while the agent works: in an emulated machine, a third of all it can do.
	agentSlack = 1_000_000
	// unkillable keeps the kernel's memory killer away from the agent.
	unkillable = "-1000"
)

// supervise starts the agent, reaps every orphan, and starts the agent again when it ends.
func supervise() {
	// A signal's default action would end init, and with it the machine.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals)
	go func() {
		for range signals {
		}
	}()
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(unkillable), 0)
	quickDeaths := 0
	arguments := []string{"pyro-agent", AgentArgument}
	for {
		started := time.Now()
		status, err := runAgent(arguments)
		if err != nil {
			console.Say("fatal: start the agent: %v", err)
			PowerOff()
		}
		console.Say("fatal: the agent ended: %s", describe(status))
		arguments = []string{"pyro-agent", AgentArgument, SuccessorArgument}
		if time.Since(started) >= quickDeath {
			quickDeaths = 0
		}
		quickDeaths++
		if quickDeaths >= quickDeathsMax {
			console.Say("fatal: the agent keeps ending, powering off")
			PowerOff()
		}
	}
}

func runAgent(arguments []string) (unix.WaitStatus, error) {
	beUnhurried()
	process, err := os.StartProcess("/proc/self/exe", arguments, &os.ProcAttr{
		Dir: "/",
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			// Preempting a goroutine by a signal costs an emulated machine more than waiting for its next call.
			"GODEBUG=asyncpreemptoff=1",
		},
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		return 0, err
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if pid == process.Pid {
			return status, nil
		}
	}
}

// beUnhurried is of this thread and of every one that descends from it, so it comes before the agent's first: its runtime
// starts threads that nobody else reaches.
func beUnhurried() {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, agentSlack, 0, 0, 0)
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return unix.SignalName(status.Signal())
	}
	return "exit code " + strconv.Itoa(status.ExitStatus())
}
