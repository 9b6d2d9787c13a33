package spawn

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/identity"
	"pyro.dev/guest/internal/protocol"
)

func TestMergeEnvironment(t *testing.T) {
	who := identity.Identity{Name: "alice", Home: "/home/alice"}
	got := mergeEnvironment(who, []string{"PATH=/bin", "A=1", "B=2"}, []string{"B=3", "HOME=/x", "C=a=b", "B=4"})
	want := []string{"PATH=/bin", "HOME=/x", "USER=alice", "LOGNAME=alice", "A=1", "B=4", "C=a=b"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if variable(got, "C") != "a=b" || variable(got, "absent") != "" {
		t.Error("variables are read wrong")
	}
	if got := variable(mergeEnvironment(who, nil, nil), "PATH"); got != pathDefault {
		t.Errorf("PATH %q", got)
	}
}

func TestFindProgram(t *testing.T) {
	directory := t.TempDir()
	for name, mode := range map[string]os.FileMode{"first/tool": 0o644, "second/tool": 0o755, "second/plain": 0o644} {
		path := filepath.Join(directory, name)
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(directory, "second/pipe"), 0o777); err != nil {
		t.Fatal(err)
	}
	path := directory + "/first:" + directory + "/none:" + directory + "/second"
	for name, want := range map[string]struct {
		found  string
		reason protocol.NotStartedReason
	}{
		"tool":                     {directory + "/second/tool", ""},
		"absent":                   {"", protocol.CommandNotFound},
		"plain":                    {"", protocol.PermissionDenied},
		"pipe":                     {"", protocol.PermissionDenied},
		directory + "/second/tool": {directory + "/second/tool", ""},
		directory + "/second":      {directory + "/second", protocol.PermissionDenied},
		directory + "/tool/x":      {directory + "/tool/x", protocol.CommandNotFound},
	} {
		found, refusal := findProgram(name, path)
		if refusal == nil && want.reason != "" || refusal != nil && refusal.Reason != want.reason || refusal == nil && found != want.found {
			t.Errorf("%s: %q, %v", name, found, refusal)
		}
	}
}

func TestThreadKeepsItsDirectoryToItself(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	thread, err := NewThread(Nowhere)
	if err != nil {
		t.Fatal(err)
	}
	thread.Do(func() {
		if err := unix.Chdir("/"); err != nil {
			t.Error(err)
		}
	})
	buffer := make([]byte, 4096)
	n, err := unix.Getcwd(buffer)
	if err != nil || string(buffer[:n-1]) != before {
		t.Errorf("the process is in %q, %v", buffer[:n-1], err)
	}
	thread.End()
}

func TestExplainTellsLimitsApart(t *testing.T) {
	for err, want := range map[unix.Errno]protocol.NotStartedReason{
		unix.EAGAIN: protocol.ProcessLimit, unix.ENOSPC: protocol.NoSpace, unix.EACCES: protocol.PermissionDenied,
		unix.ENOEXEC: protocol.NotExecutable, unix.ENOENT: protocol.NotExecutable, unix.E2BIG: protocol.StartFailed,
		unix.ENOMEM: protocol.StartFailed, unix.EIO: protocol.StartFailed,
	} {
		if got := explain(err, "/x", &Command{}); got.Reason != want || got.Message == "" {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

func TestSignalNames(t *testing.T) {
	for signal, want := range map[unix.Signal]string{unix.SIGKILL: "KILL", unix.SIGSEGV: "SEGV", 42: "42"} {
		if got := signalName(signal); got != want {
			t.Errorf("%d: %q", signal, got)
		}
	}
}
