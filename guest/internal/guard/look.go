package guard

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// look is what we know of the machine's surroundings.
type look struct {
	*options
	// deadline is of the clock that goes on while the host sleeps; 0 for none.
	deadline time.Duration
	// first is the place as it was: another in its stead is another machine's.
	first os.FileInfo
	// unattendedSince is zero while somebody looks after it. It is of the clock that stands still while the host sleeps,
	// as do those who would look after it.
	unattendedSince time.Time
}

func newLook(o *options) *look {
	l := &look{options: o}
	l.first, _ = os.Stat(o.place)
	if o.ttl > 0 {
		l.deadline = sinceBoot() + o.ttl
	}
	return l
}

// next is how long nothing needs to be looked at.
func (l *look) next() time.Duration {
	wait := lookInterval
	if l.lock != "" {
		wait = min(wait, l.unattendedMax)
	}
	if l.place == "" && l.lock == "" && l.deadline == 0 {
		return time.Hour
	}
	if l.deadline > 0 {
		wait = min(wait, max(l.deadline-sinceBoot(), time.Millisecond))
	}
	return wait
}

// reasonToEnd is empty while the machine may go on.
func (l *look) reasonToEnd() string {
	if l.deadline > 0 && sinceBoot() >= l.deadline {
		return "its time to live was over"
	}
	if l.isPlaceGone() {
		return "its directory was removed"
	}
	if l.lock == "" || isHeld(l.lock) {
		l.unattendedSince = time.Time{}
		return ""
	}
	// Between two looks there may have been somebody.
	if l.unattendedSince.IsZero() {
		l.unattendedSince = time.Now()
	}
	if time.Since(l.unattendedSince) < l.unattendedMax {
		return ""
	}
	return fmt.Sprintf("no pyro looked after it for %d s", int(l.unattendedMax.Seconds()))
}

func (l *look) isPlaceGone() bool {
	if l.place == "" || l.first == nil {
		return false
	}
	found, err := os.Stat(l.place)
	if err != nil {
		// Whatever else is wrong with it may pass.
		return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
	}
	return !os.SameFile(found, l.first)
}

// isHeld tells whether anybody has a lock on the file. What cannot be told is no reason to end a machine.
func isHeld(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return true
	}
	defer file.Close()
	wanted := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &wanted); err != nil {
		return true
	}
	return wanted.Type != unix.F_UNLCK
}

// sinceBoot goes on while the host sleeps; tests have it sleep.
var sinceBoot = func() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return time.Duration(now.Nano())
}
