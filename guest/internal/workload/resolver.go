package workload

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// WriteResolver makes the commands' programs ask the address for names. What the image has there (often a link to where a
// daemon would write that does not run) is replaced. There is no search domain: none of the host's means anything here.
func (w *Workload) WriteResolver(address netip.Addr) error {
	starter, err := w.current()
	if err != nil {
		return err
	}
	starter.Thread.Do(func() {
		var etc int
		if etc, err = unix.Open("/etc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return
		}
		defer unix.Close(etc)
		err = writeName(etc, "resolv.conf", "nameserver "+address.String()+"\n")
	})
	return err
}
