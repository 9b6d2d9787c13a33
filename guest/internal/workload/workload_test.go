package workload

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCgroupNumber(t *testing.T) {
	text := "populated 1\nfrozen 0\noom_kill 17\nbad x\n"
	for name, want := range map[string]int64{"populated": 1, "frozen": 0, "oom_kill": 17, "bad": -1, "oom": -1, "": -1} {
		if got := cgroupNumber(text, name); got != want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

func TestConfinedRootStaysInside(t *testing.T) {
	base := t.TempDir()
	root, outside := filepath.Join(base, "root"), filepath.Join(base, "outside")
	for _, directory := range []string{root, outside, filepath.Join(root, "real")} {
		if err := os.Mkdir(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"proc": "../outside", "sys": "/outside", "dev": outside, "run": "/real", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	confined, err := openRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer confined.close()
	for name, isThere := range map[string]bool{"proc": false, "sys": false, "dev": false, "run": true, "loop": false, "new/deep/directory": true, "..": true, "../../x": true} {
		descriptor, err := confined.openDirectory(name)
		if err == nil {
			unix.Close(descriptor)
		}
		if (err == nil) != isThere {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("outside has %v", entries)
	}
	if entries, _ := os.ReadDir(base); len(entries) != 2 {
		t.Errorf("beside the root is %v", entries)
	}
}

func TestWriteNameReplacesWhatIsNoFile(t *testing.T) {
	base := t.TempDir()
	etc := filepath.Join(base, "etc")
	secret := filepath.Join(base, "secret")
	if err := errors.Join(os.Mkdir(etc, 0o755), os.WriteFile(secret, []byte("untouched"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.Symlink(secret, filepath.Join(etc, "link")), unix.Mkfifo(filepath.Join(etc, "pipe"), 0o644),
		os.WriteFile(filepath.Join(etc, "longer"), []byte(strings.Repeat("x", 500)), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	directory, err := unix.Open(etc, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(directory)
	for _, name := range []string{"link", "pipe", "longer", "new"} {
		if err := writeName(directory, name, "name\n"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if status, err := os.Lstat(filepath.Join(etc, name)); err != nil || !status.Mode().IsRegular() {
			t.Errorf("%s is no file", name)
			continue
		}
		if text, _ := os.ReadFile(filepath.Join(etc, name)); string(text) != "name\n" {
			t.Errorf("%s: %q", name, text)
		}
	}
	if text, _ := os.ReadFile(secret); string(text) != "untouched" {
		t.Errorf("wrote through a link: %q", text)
	}
}

func TestStagedMountsAreMoved(t *testing.T) {
	for _, m := range staged {
		top, _, _ := strings.Cut(m.name, "/")
		found := false
		for _, name := range moved {
			found = found || name == top
		}
		if !found {
			t.Errorf("%s is mounted and never moved", m.name)
		}
	}
}
