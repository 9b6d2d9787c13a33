package spawn

import (
	"bytes"
	"os"
	"strconv"
)

// innerPID reads the number a process has in its own namespace; its outer one
// where that fails. The handle's own file says so in three lines.
func innerPID(pid, pidfd int) int {
	status, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(pidfd))
	if err != nil {
		return pid
	}
	for line := range bytes.Lines(status) {
		numbers, found := bytes.CutPrefix(line, []byte("NSpid:"))
		if !found {
			continue
		}
		fields := bytes.Fields(numbers)
		if len(fields) == 0 {
			return pid
		}
		if inner, err := strconv.Atoi(string(fields[len(fields)-1])); err == nil {
			return inner
		}
	}
	return pid
}
