package trash

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, directory string) int {
	t.Helper()
	descriptor, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(descriptor) })
	return descriptor
}

func TestRemove(t *testing.T) {
	around := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(around, "trash/a/b/c"), 0o755))
	must(t, os.MkdirAll(filepath.Join(around, "trash/a/empty"), 0o000))
	must(t, os.WriteFile(filepath.Join(around, "trash/a/b/file"), nil, 0o000))
	must(t, os.WriteFile(filepath.Join(around, "kept"), nil, 0o600))
	must(t, os.Symlink(filepath.Join(around, "kept"), filepath.Join(around, "trash/a/b/c/link")))
	must(t, os.Symlink(around, filepath.Join(around, "trash/directory-link")))
	must(t, unix.Mkfifo(filepath.Join(around, "trash/fifo"), 0o600))
	must(t, Remove(context.Background(), open(t, around), "trash"))
	entries, err := os.ReadDir(around)
	if err != nil || len(entries) != 1 || entries[0].Name() != "kept" {
		t.Errorf("%v is left, %v", entries, err)
	}
	if err := Remove(context.Background(), open(t, around), "trash"); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
}

// TestRemoveWhatIsDeep: no path reaches the innermost of these.
func TestRemoveWhatIsDeep(t *testing.T) {
	around := t.TempDir()
	at := open(t, around)
	name := strings.Repeat("x", 200)
	must(t, unix.Mkdirat(at, "trash", 0o755))
	inner, err := unix.Openat(at, "trash", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	for range 300 {
		must(t, unix.Mkdirat(inner, name, 0o755))
		next, err := unix.Openat(inner, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(t, err)
		_ = unix.Close(inner)
		inner = next
	}
	_ = unix.Close(inner)
	must(t, Remove(context.Background(), at, "trash"))
	if entries, _ := os.ReadDir(around); len(entries) != 0 {
		t.Errorf("%v is left", entries)
	}
}

func TestRemoveStops(t *testing.T) {
	around := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(around, "trash/a"), 0o755))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Remove(ctx, open(t, around), "trash"); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}
