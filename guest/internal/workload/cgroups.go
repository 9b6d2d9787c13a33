package workload

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

const (
	cgroupRoot     = "/sys/fs/cgroup"
	agentCgroup    = cgroupRoot + "/agent"
	workloadCgroup = cgroupRoot + "/workload"
	// agentWeight is the kernel's highest: against it thousands of busy
	// processes together weigh as one hundredth, so the agent always answers.
	agentWeight = "10000"
	// cpuControllers is worth losing where a kernel lacks it; the others are not.
	bestControllers   = "+cpu +memory +pids"
	neededControllers = "+memory +pids"
	memoryMinimum     = 32 << 20
)

// PrepareCgroups builds the tree and moves the agent and the reaper into their
// own group, which everything the agent starts for itself inherits.
func PrepareCgroups() error {
	for _, directory := range []string{agentCgroup, workloadCgroup} {
		if err := os.Mkdir(directory, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := makeCgroupNamespace(); err != nil {
		return err
	}
	for _, pid := range []int{1, os.Getpid()} {
		if err := writeCgroup(agentCgroup+"/cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	if err := writeCgroup(cgroupRoot+"/cgroup.subtree_control", bestControllers); err != nil {
		if err := writeCgroup(cgroupRoot+"/cgroup.subtree_control", neededControllers); err != nil {
			return err
		}
	}
	_ = writeCgroup(agentCgroup+"/cpu.weight", agentWeight)
	return writeCgroup(workloadCgroup+"/cgroup.subtree_control", "+memory")
}

// limitWorkload bounds all commands together, and answers the bound of their memory.
func limitWorkload(request *protocol.ActivateRequest) (memoryMax string, err error) {
	if err := writeCgroup(workloadCgroup+"/pids.max", strconv.FormatInt(request.ProcessCountMax, 10)); err != nil {
		return "", err
	}
	available, err := availableMemory()
	if err != nil {
		return "", err
	}
	limit := available - *request.MemoryReservedMib<<20
	memoryMax = strconv.FormatInt(max(limit, memoryMinimum), 10)
	return memoryMax, writeCgroup(workloadCgroup+"/memory.max", memoryMax)
}

// availableMemory is what processes can have. The machine's total is more: a
// limit measured from it would let commands drive the whole machine out of memory.
func availableMemory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "MemAvailable:" {
			continue
		}
		kibibytes, err := strconv.ParseInt(fields[1], 10, 64)
		return kibibytes << 10, err
	}
	return 0, errors.New("the kernel does not say how much memory is available")
}

// writeCgroup opens without O_CREAT and O_TRUNC, neither of which a control file knows.
func writeCgroup(path, value string) error {
	descriptor, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(descriptor)
	if _, err := unix.Write(descriptor, []byte(value)); err != nil {
		return fmt.Errorf("write %q to %s: %w", value, path, err)
	}
	return nil
}

// cgroupNumber reads `name value` from a flat control file; -1 where it is missing.
func cgroupNumber(text, name string) int64 {
	for line := range strings.Lines(text) {
		value, found := strings.CutPrefix(line, name+" ")
		if !found {
			continue
		}
		if number, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil {
			return number
		}
	}
	return -1
}
