package tree

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// visits writes down which entries a walk came to, in their order.
type visits []string

func (v *visits) visit(_ context.Context, entry found) (int, error) {
	*v = append(*v, entry.name)
	return -1, nil
}

// TestWalkOfALargeDirectory: one whose listing is read in many pieces, and of which the last does not fit with the others.
func TestWalkOfALargeDirectory(t *testing.T) {
	const count = 6000
	p := newPlace(t)
	for f := range count {
		must(t, os.WriteFile(p.path(fmt.Sprintf("%0200d", f)), nil, 0o644))
	}
	var came visits
	must(t, (&walk{visitor: &came}).run(context.Background(), open(t, p.directory)))
	names := map[string]bool{}
	for _, name := range came {
		names[name] = true
	}
	if len(came) != count || len(names) != count {
		t.Errorf("%d visits, %d names", len(came), len(names))
	}
}

func TestWalkGoesInTheOrderOfTheDisk(t *testing.T) {
	p := newPlace(t)
	for f := range 2000 {
		must(t, os.WriteFile(p.path(strings.Repeat("x", 20)+fmt.Sprint(f*7919%2000)), nil, 0o644))
	}
	var came visits
	must(t, (&walk{visitor: &came}).run(context.Background(), open(t, p.directory)))
	last := uint64(0)
	for _, name := range came {
		var status unix.Stat_t
		must(t, unix.Lstat(p.path(name), &status))
		if status.Ino < last {
			t.Fatalf("%s has inode %d, after %d", name, status.Ino, last)
		}
		last = status.Ino
	}
}
