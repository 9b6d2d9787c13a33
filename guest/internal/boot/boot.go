// Package boot is PID 1 of the machine: it prepares the kernel's interfaces,
// starts the agent proper and reaps orphans. It stays this small because the
// machine dies with it.
package boot

import (
	"os"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

// AgentArgument starts the agent proper; SuccessorArgument tells it that another one died.
const (
	AgentArgument     = "agent"
	SuccessorArgument = "successor"
)

const (
	descriptorsSoft = 1024
	// descriptorsHard is the ceiling commands may raise their own limit to.
	descriptorsHard = 524288
)

// Run boots the machine and never returns.
func Run() {
	mountErr := mountKernelInterfaces()
	console.Open()
	console.Say("booting")
	if mountErr != nil {
		console.Say("fatal: %v", mountErr)
		powerOff()
	}
	loadModules("/lib/modules/load-order")
	console.Say("modules loaded")
	if err := bringLoopbackUp(); err != nil {
		console.Say("loopback stays down: %v", err)
	}
	setLimits()
	if err := becomePivotable(); err != nil {
		console.Say("fatal: %v", err)
		powerOff()
	}
	supervise()
}

func setLimits() {
	limit := unix.Rlimit{Cur: descriptorsSoft, Max: descriptorsHard}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		console.Say("descriptor limit stays: %v", err)
	}
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	// The workload's control group bounds processes; a second limit per user would only confuse.
	_ = unix.Setrlimit(unix.RLIMIT_NPROC, &unlimited)
}

func powerOff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	os.Exit(1)
}
