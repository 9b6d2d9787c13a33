// Package pace says when the agent interrupts programs. As a rule it does: it reads what they write as they write it, so that
// what comes on several outputs stays in order. While much is carried it lets whoever writes go on until they wait: switching
// between processes for every piece is what an emulated machine does worst.
package pace

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	window = 100 * time.Millisecond
	// muchBytes in one window are a stream, and littleBytes are none any more.
	muchBytes   = 1 << 20
	littleBytes = 256 << 10
)

var (
	isOn    atomic.Bool
	isBusy  atomic.Bool
	carried atomic.Int64
	// windowEnd is when carried is counted anew, in nanoseconds; only while not busy.
	windowEnd atomic.Int64
	// exempt are threads that start programs, which inherit how their starter is scheduled.
	exempt sync.Map
)

// Begin is for the agent of a machine of its own; elsewhere nothing is changed.
func Begin() { isOn.Store(true) }

// Exempt leaves the calling thread, which its goroutine is locked to, as it is.
func Exempt() { exempt.Store(unix.Gettid(), true) }

// Carried tells of bytes that went through the channel.
func Carried(n int) {
	if n <= 0 || !isOn.Load() {
		return
	}
	if isBusy.Load() {
		carried.Add(int64(n))
		return
	}
	now := time.Now().UnixNano()
	if now > windowEnd.Load() {
		windowEnd.Store(now + int64(window))
		carried.Store(0)
	}
	if carried.Add(int64(n)) > muchBytes && isBusy.CompareAndSwap(false, true) {
		schedule(unix.SCHED_BATCH)
		go untilCalm()
	}
}

func untilCalm() {
	for {
		carried.Store(0)
		time.Sleep(window)
		if carried.Load() < littleBytes {
			break
		}
	}
	// Twice, for threads that others started meanwhile.
	schedule(unix.SCHED_NORMAL)
	schedule(unix.SCHED_NORMAL)
	isBusy.Store(false)
}

// schedule is for all threads there are; later ones are as whoever starts them is.
func schedule(policy uint32) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if _, isExempt := exempt.Load(id); err != nil || isExempt {
			continue
		}
		_ = unix.SchedSetAttr(id, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy}, 0)
	}
}
