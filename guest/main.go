// Command guest is pyro's guest agent: the only program of ours inside a
// workspace. One static binary plays every part, chosen by how it was started:
// PID 1 of the initramfs, the loader of kernel modules, the agent proper, PID 1 of the workload, the warmer
// of templates, and on the host the guardian of a machine, or an ordinary process under host-compat.
package main

import (
	"os"

	"pyro.dev/guest/internal/agent"
	"pyro.dev/guest/internal/boot"
	"pyro.dev/guest/internal/guard"
	"pyro.dev/guest/internal/tsc"
	"pyro.dev/guest/internal/workload"
)

func main() {
	part := ""
	if len(os.Args) > 1 {
		part = os.Args[1]
	}
	switch {
	case part == boot.AgentArgument:
		os.Exit(agent.RunGuest())
	case part == boot.ModprobeArgument:
		os.Exit(boot.Modprobe(os.Args))
	case part == workload.InitArgument:
		os.Exit(workload.RunInit())
	case part == workload.WarmArgument:
		os.Exit(workload.RunWarm())
	case part == guard.Argument:
		os.Exit(guard.Run(os.Args[2:]))
	case part == tsc.Argument:
		os.Exit(tsc.Run())
	case os.Getpid() == 1:
		boot.Run()
	default:
		os.Exit(agent.RunHostCompat(os.Args[1:]))
	}
}
