package workload

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWriteNameStaysInItsDirectory, whatever an image has put in the place.
func TestWriteNameStaysInItsDirectory(t *testing.T) {
	for what, plant := range map[string]func(place, outside string) error{
		"nothing": func(string, string) error { return nil },
		"a file": func(place, _ string) error {
			return os.WriteFile(place, []byte("much longer than what comes\n"), 0o600)
		},
		"a link":           func(place, outside string) error { return os.Symlink(outside, place) },
		"a link nowhere":   func(place, outside string) error { return os.Symlink(outside+"/none", place) },
		"a pipe":           func(place, _ string) error { return unix.Mkfifo(place, 0o600) },
		"a link to itself": func(place, _ string) error { return os.Symlink("resolv.conf", place) },
	} {
		etc, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
		if err := os.WriteFile(outside, []byte("untouched"), 0o600); err != nil {
			t.Fatal(err)
		}
		place := filepath.Join(etc, "resolv.conf")
		if err := plant(place, outside); err != nil {
			t.Fatal(err)
		}
		directory, err := unix.Open(etc, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeName(directory, "resolv.conf", "nameserver 198.18.0.1\n"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		_ = unix.Close(directory)
		status, err := os.Lstat(place)
		text, _ := os.ReadFile(place)
		if err != nil || !status.Mode().IsRegular() || string(text) != "nameserver 198.18.0.1\n" {
			t.Errorf("%s: %v %q %v", what, status, text, err)
		}
		if text, err := os.ReadFile(outside); string(text) != "untouched" {
			t.Errorf("%s: %q %v", what, text, err)
		}
	}
}
