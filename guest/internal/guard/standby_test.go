package guard

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// waiting is a standby's place, and what guards the machine in it.
type waiting struct {
	*guarded
	root string
	// directory is where it is now.
	directory string
}

const id = "0123abcd"

// startStandby guards one that this process still prepares.
func startStandby(t *testing.T, options ...string) *waiting {
	t.Helper()
	root := t.TempDir()
	w := &waiting{root: root, directory: filepath.Join(root, heldName, heldBy(id, os.Getpid()))}
	if err := os.MkdirAll(filepath.Join(w.directory, "sockets"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, readyName), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.directory, "disk.ext4"), []byte("disk"), 0o600); err != nil {
		t.Fatal(err)
	}
	options = append([]string{"--standby=" + root, "--place=" + filepath.Join(w.directory, "sockets"), "--idle-seconds=60"}, options...)
	w.guarded = start(t, forever, options...)
	return w
}

func (w *waiting) move(elements ...string) {
	w.Helper()
	target := filepath.Join(elements...)
	if err := os.Rename(w.directory, target); err != nil {
		w.Fatal(err)
	}
	w.directory = target
}

func (w *waiting) offer() { w.move(w.root, readyName, "key."+id) }

// leavesNothing waits for the end, and looks for what is left then.
func (w *waiting) leavesNothing() {
	w.Helper()
	if got := w.status(); got != endedByGuard {
		w.Errorf("it ended with %d", got)
	}
	for _, name := range []string{readyName, heldName} {
		if left, _ := os.ReadDir(filepath.Join(w.root, name)); len(left) > 0 {
			w.Errorf("%s holds %v", name, left)
		}
	}
}

func TestStandbyWaits(t *testing.T) {
	w := startStandby(t)
	w.runsOn(time.Second)
	w.offer()
	w.runsOn(time.Second)
}

func TestStandbyEndsWhenNobodyWantsIt(t *testing.T) {
	w := startStandby(t, "--idle-seconds=1")
	// Not while somebody prepares it.
	w.runsOn(2 * time.Second)
	w.offer()
	w.leavesNothing()
}

func TestStandbyIsUnwantedAfterALaptopSlept(t *testing.T) {
	defer func(clock func() time.Duration) { sinceBoot = clock }(sinceBoot)
	now := time.Minute
	sinceBoot = func() time.Duration { return now }
	s := &standby{options: &options{idleMax: time.Hour}}
	for _, test := range []struct {
		slept time.Duration
		want  bool
	}{{0, false}, {59 * time.Minute, false}, {time.Minute, true}} {
		now += test.slept
		if got := s.isUnwanted(); got != test.want {
			t.Errorf("after %v: %v", test.slept, got)
		}
	}
}

func TestStandbyEndsWithAPin(t *testing.T) {
	for name, lose := range map[string]func(path string){
		"removed":  func(path string) { _ = os.Remove(path) },
		"replaced": func(path string) { _ = os.WriteFile(path+".new", nil, 0o600); _ = os.Rename(path+".new", path) },
		"written":  func(path string) { _ = os.WriteFile(path, []byte("other"), 0o600) },
	} {
		pin := filepath.Join(t.TempDir(), "memory")
		if err := os.WriteFile(pin, []byte("saved"), 0o600); err != nil {
			t.Fatal(err)
		}
		past := time.Now().Add(-time.Hour)
		if err := os.Chtimes(pin, past, past); err != nil {
			t.Fatal(err)
		}
		w := startStandby(t, "--pin="+pin)
		w.offer()
		w.runsOn(600 * time.Millisecond)
		lose(pin)
		t.Log(name)
		w.leavesNothing()
	}
}

func TestStandbyGivesWayToOthers(t *testing.T) {
	for _, floor := range []string{"--memory-floor", "--disk-floor"} {
		w := startStandby(t, fmt.Sprintf("%s=%d", floor, uint64(1)<<60))
		w.runsOn(600 * time.Millisecond)
		w.offer()
		t.Log(floor)
		w.leavesNothing()
	}
}

func TestMemoryIsShort(t *testing.T) {
	directory := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	defer func(memory, pressure string) { memoryPath, pressurePath = memory, pressure }(memoryPath, pressurePath)
	pressure := "some avg10=%s avg60=0.00 avg300=0.00 total=1\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=1\n"
	memoryPath = write("meminfo", "MemTotal:       100 kB\nMemFree:  1 kB\nMemAvailable:   50 kB\n")
	for _, test := range []struct {
		floor   uint64
		stalled string
		want    bool
	}{
		{50 * 1024, "0.00", false},
		{50*1024 + 1, "0.00", true},
		{0, "10.00", false},
		{0, "10.01", true},
	} {
		pressurePath = write("pressure", fmt.Sprintf(pressure, test.stalled))
		if got := isMemoryShort(test.floor); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
	memoryPath, pressurePath = directory, filepath.Join(directory, "none")
	if isMemoryShort(1 << 60) {
		t.Error("nobody knows")
	}
}

func TestClaimedStandbyEndsWithItsHolder(t *testing.T) {
	w := startStandby(t)
	w.offer()
	holder := exec.Command("sleep", "60")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	w.move(w.root, heldName, heldBy("key."+id, holder.Process.Pid))
	w.runsOn(time.Second)
	_ = holder.Process.Kill()
	_ = holder.Wait()
	w.leavesNothing()
}

// The PID may be another's by the time we look.
func TestClaimedStandbyEndsWithAHolderThatWasGoneAtOnce(t *testing.T) {
	w := startStandby(t)
	w.offer()
	w.move(w.root, heldName, fmt.Sprintf("%s.%d.%s", id, os.Getpid(), "1"))
	w.leavesNothing()
}

func TestClaimedStandbyThatEndsByItselfLeavesNothing(t *testing.T) {
	w := startStandby(t)
	w.offer()
	w.move(w.root, heldName, heldBy("key."+id, os.Getpid()))
	machine, _ := os.FindProcess(w.machine)
	_ = machine.Kill()
	if got := w.status(); got != 137 {
		t.Errorf("%d", got)
	}
	if left, _ := os.ReadDir(filepath.Join(w.root, heldName)); len(left) > 0 {
		t.Errorf("%v", left)
	}
}

// settle gives it to a workspace, by these terms.
func (w *waiting) settle(terms ...string) (workspace string) {
	w.Helper()
	workspace = w.TempDir()
	if err := os.WriteFile(filepath.Join(workspace, "lock"), nil, 0o600); err != nil {
		w.Fatal(err)
	}
	text := ""
	for _, term := range append([]string{"--place=" + filepath.Join(workspace, "lock")}, terms...) {
		text += term + "\x00"
	}
	w.move(w.root, heldName, heldBy("key."+id, os.Getpid()))
	text += "--former=" + w.directory + "\x00"
	if err := os.WriteFile(filepath.Join(w.directory, "sockets", termsName), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	if err := os.Rename(filepath.Join(w.directory, "sockets"), filepath.Join(workspace, "sockets")); err != nil {
		w.Fatal(err)
	}
	return workspace
}

func TestStandbyThatIsSomebodysGoesOnByHisTerms(t *testing.T) {
	w := startStandby(t, "--idle-seconds=1")
	w.offer()
	workspace := w.settle("--ttl-seconds=3", "--word="+filepath.Join(w.root, "word"))
	w.runsOn(2 * time.Second)
	if got := w.status(); got != endedByGuard {
		t.Errorf("%d", got)
	}
	if got := word(t, filepath.Join(w.root, "word")); got != "its time to live was over\n" {
		t.Errorf("%q", got)
	}
	if _, err := os.Stat(filepath.Join(workspace, "sockets", termsName)); err != nil {
		t.Error("it removed what is another's")
	}
	if _, err := os.Stat(w.directory); !os.IsNotExist(err) {
		t.Error("what it was is still there")
	}
}

func TestStandbyThatIsSomebodysIsAttended(t *testing.T) {
	w := startStandby(t)
	w.offer()
	lock := filepath.Join(w.root, "lock")
	holder := hold(t, lock)
	w.settle("--lock="+lock, "--unattended-seconds=1", "--word="+filepath.Join(w.root, "word"))
	w.runsOn(3 * time.Second)
	holder.Close()
	if got := w.status(); got != endedByGuard {
		t.Errorf("%d", got)
	}
}

func TestStandbyMovedWithoutTermsEnds(t *testing.T) {
	w := startStandby(t)
	w.offer()
	elsewhere := filepath.Join(t.TempDir(), "sockets")
	if err := os.Rename(filepath.Join(w.directory, "sockets"), elsewhere); err != nil {
		t.Fatal(err)
	}
	if got := w.status(); got != endedByGuard {
		t.Errorf("%d", got)
	}
	if _, err := os.Stat(elsewhere); err != nil {
		t.Error("it removed what is another's")
	}
}
