package tree

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// tickWait is how often the clock of change times is looked at: it moves every few milliseconds.
const tickWait = 500 * time.Microsecond

// Mark waits until changes get a time that no earlier change can have. Change
// times come from a clock that moves with the kernel's tick; newer kernels may
// stamp with the exact time instead, which is never behind that clock. So once
// the coarse clock is beyond the exact time of the request, everything before
// has an earlier stamp, and everything after one that is no earlier.
func Mark(ctx context.Context) (int64, error) {
	var asked, coarse unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &asked); err != nil {
		return 0, protocol.Fail(protocol.CodeInternal, "read the clock: %v", err)
	}
	for {
		if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &coarse); err != nil {
			return 0, protocol.Fail(protocol.CodeInternal, "read the clock of change times: %v", err)
		}
		if nanoseconds(coarse) > nanoseconds(asked) {
			return nanoseconds(coarse), nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		time.Sleep(tickWait)
	}
}
