// Package console prints the agent's few lines for whoever watches the machine boot.
package console

import (
	"fmt"
	"os"
	"strings"
)

const prefix = "pyro-agent: "

// Open points standard output and error at the machine's console. An initramfs
// without a /dev/console node starts init with no descriptors at all.
func Open() {
	file, err := os.OpenFile("/dev/console", os.O_RDWR, 0)
	if err != nil {
		file, err = os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	}
	if err != nil {
		return
	}
	os.Stdout, os.Stderr = file, file
}

// Say prints one line; control characters are dropped, since names in it may be foreign.
func Say(format string, values ...any) {
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, fmt.Sprintf(format, values...))
	fmt.Fprintln(os.Stderr, prefix+line)
}
