package guard

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stalledMax is how much of the time some process may wait for memory, in percent.
const stalledMax = 10

// Where the kernel tells how much memory there is, and how many wait for it.
var (
	memoryPath   = "/proc/meminfo"
	pressurePath = "/proc/pressure/memory"
)

// isMemoryShort tells whether the host has less than so many bytes for programs, or makes them wait for it. What cannot
// be told is no reason to end a machine.
func isMemoryShort(floor uint64) bool {
	if text, err := os.ReadFile(memoryPath); err == nil {
		kib, err := strconv.ParseUint(field(string(text), "MemAvailable:"), 10, 64)
		if err == nil && kib*1024 < floor {
			return true
		}
	}
	text, err := os.ReadFile(pressurePath)
	if err != nil {
		return false
	}
	stalled, err := strconv.ParseFloat(strings.TrimPrefix(field(string(text), "some"), "avg10="), 64)
	return err == nil && stalled > stalledMax
}

// isDiskShort tells the same of the disk that we stand on.
func isDiskShort(floor uint64) bool {
	var found unix.Statfs_t
	return unix.Statfs(".", &found) == nil && found.Bavail*uint64(found.Bsize) < floor
}

// field is the first word behind a name that begins a line.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			return words[1]
		}
	}
	return ""
}

// heldBy is the name of a directory that this process has: it says by itself who that is.
func heldBy(name string, pid int) string {
	id := name[strings.LastIndexByte(name, '.')+1:]
	return id + "." + strconv.Itoa(pid) + "." + startTicks(pid)
}

// isHolding tells whether the process in the name of a held directory lives.
func isHolding(name string) bool {
	parts := strings.Split(name, ".")
	if len(parts) != 3 {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	return err == nil && startTicks(pid) == parts[2]
}

// startTicks tells a process from a later one with the same PID; empty for one that has ended.
func startTicks(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The command's name is in parentheses and may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}
