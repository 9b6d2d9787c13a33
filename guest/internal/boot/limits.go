package boot

import (
	"os"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

const (
	descriptorsSoft = 1024
	// descriptorsHard is the ceiling commands may raise their own limit to.
	descriptorsHard = 524288
)

// kernelSettings are those whose defaults the kernel takes from the memory of the
// machine, or that distributions and container engines raise.
var kernelSettings = []struct{ name, value string }{
	// Watchers of source trees: one watch a directory, one instance a tool.
	{"fs/inotify/max_user_watches", "1048576"},
	{"fs/inotify/max_user_instances", "8192"},
	// Databases and search engines map each file of theirs several times.
	{"vm/max_map_count", "1048576"},
	{"fs/aio-max-nr", "1048576"},
	// As in containers, servers and ping need no root.
	{"net/ipv4/ip_unprivileged_port_start", "0"},
	{"net/ipv4/ping_group_range", "0 2147483647"},
}

func setLimits() {
	limit := unix.Rlimit{Cur: descriptorsSoft, Max: descriptorsHard}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		console.Say("descriptor limit stays: %v", err)
	}
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	// The workload's control group bounds processes; a second limit per user would only confuse.
	_ = unix.Setrlimit(unix.RLIMIT_NPROC, &unlimited)
	for _, setting := range kernelSettings {
		if err := os.WriteFile("/proc/sys/"+setting.name, []byte(setting.value), 0); err != nil {
			console.Say("%s stays: %v", setting.name, err)
		}
	}
}
