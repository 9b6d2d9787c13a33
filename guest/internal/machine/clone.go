package machine

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AddEntropy gives the kernel randomness no other clone has, and makes it count
// at once: the generator would otherwise serve its cloned key a while longer.
func AddEntropy(entropy []byte) error {
	if err := forgetFetched(); err != nil {
		return err
	}
	file, err := os.OpenFile("/dev/random", os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open the random source: %w", err)
	}
	defer file.Close()
	// struct rand_pool_info: entropy in bits, size in bytes, the bytes.
	pool := make([]byte, 8, 8+len(entropy))
	binary.NativeEndian.PutUint32(pool[0:], uint32(len(entropy)*8))
	binary.NativeEndian.PutUint32(pool[4:], uint32(len(entropy)))
	pool = append(pool, entropy...)
	defer clear(pool)
	_, _, failed := unix.Syscall(unix.SYS_IOCTL, file.Fd(), unix.RNDADDENTROPY, uintptr(unsafe.Pointer(&pool[0])))
	if failed != 0 {
		return fmt.Errorf("add entropy: %w", failed)
	}
	if _, _, failed := unix.Syscall(unix.SYS_IOCTL, file.Fd(), unix.RNDRESEEDCRNG, 0); failed != 0 {
		return fmt.Errorf("reseed the random source: %w", failed)
	}
	return nil
}

// SetClock sets the wall clock; timers run on another one and do not notice.
func SetClock(unixNanoseconds int64) error {
	now := unix.NsecToTimespec(unixNanoseconds)
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &now); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return nil
}

// clockTolerance is less than anybody sees and more than a request takes.
const clockTolerance = 20 * time.Millisecond

// CorrectClock brings the wall clock to what the host says. A clock that is behind is set forward. One that is ahead is
// only slowed down, by half a millisecond a second: time that ran backwards would hide changes from later diffs.
func CorrectClock(unixNanoseconds int64) error {
	behind := time.Duration(unixNanoseconds - time.Now().UnixNano())
	if behind > clockTolerance {
		return SetClock(unixNanoseconds)
	}
	if behind > -clockTolerance {
		behind = 0
	}
	slowDown := &unix.Timex{Modes: unix.ADJ_OFFSET_SINGLESHOT, Offset: behind.Microseconds()}
	if _, err := unix.Adjtimex(slowDown); err != nil {
		return fmt.Errorf("slow the clock down: %w", err)
	}
	return nil
}

// SetHostname names the machine.
func SetHostname(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	return nil
}
