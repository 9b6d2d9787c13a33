package boot

import (
	"os"

	"golang.org/x/sys/unix"
)

// PowerOff ends the machine and never returns.
func PowerOff() {
	unix.Sync()
	how := unix.LINUX_REBOOT_CMD_POWER_OFF
	if endsByRestart(commandLine()) {
		how = unix.LINUX_REBOOT_CMD_RESTART
	}
	_ = unix.Reboot(how)
	os.Exit(1)
}

// endsByRestart tells of a machine that has no power to switch off: its kernel
// would halt and its monitor run on.
func endsByRestart(cmdline string) bool {
	return lastValue(cmdline, "pyro.end=") == "restart"
}
