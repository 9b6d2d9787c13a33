package pace

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func policyOf(t *testing.T) uint32 {
	t.Helper()
	attributes, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return attributes.Policy
}

func TestProgramsAreInterruptedExceptWhileMuchIsCarried(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	Carried(10 * muchBytes)
	if policy := policyOf(t); policy != unix.SCHED_NORMAL {
		t.Fatalf("policy %d of an agent without a machine", policy)
	}
	Begin()
	Carried(muchBytes / 2)
	if policy := policyOf(t); policy != unix.SCHED_NORMAL {
		t.Fatalf("policy %d after a little", policy)
	}
	Carried(10 * muchBytes)
	if policy := policyOf(t); policy != unix.SCHED_BATCH {
		t.Fatalf("policy %d while much is carried", policy)
	}
	for isBusy.Load() {
		time.Sleep(window / 10)
	}
	if policy := policyOf(t); policy != unix.SCHED_NORMAL {
		t.Fatalf("policy %d when that is over", policy)
	}
}

func TestThreadsThatStartProgramsStayAsTheyAre(t *testing.T) {
	runtime.LockOSThread()
	Exempt()
	schedule(unix.SCHED_BATCH)
	defer schedule(unix.SCHED_NORMAL)
	if policy := policyOf(t); policy != unix.SCHED_NORMAL {
		t.Fatalf("policy %d", policy)
	}
}
