// Package boot is PID 1 of the machine: it prepares the kernel's interfaces,
// starts the agent proper and reaps orphans. It stays this small because the
// machine dies with it.
package boot

import (
	"pyro.dev/guest/internal/console"
)

// AgentArgument starts the agent proper; SuccessorArgument tells it that another one died.
const (
	AgentArgument     = "agent"
	SuccessorArgument = "successor"
)

// Run boots the machine and never returns.
func Run() {
	mountErr := mountKernelInterfaces()
	console.Open()
	console.Say("booting")
	if mountErr != nil {
		console.Say("fatal: %v", mountErr)
		PowerOff()
	}
	loadModules("/lib/modules/load-order")
	offerModules()
	console.Say("modules loaded")
	if err := bringLoopbackUp(); err != nil {
		console.Say("loopback stays down: %v", err)
	}
	setLimits()
	if err := becomePivotable(); err != nil {
		console.Say("fatal: %v", err)
		PowerOff()
	}
	supervise()
}
