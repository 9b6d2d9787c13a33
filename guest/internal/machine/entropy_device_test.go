package machine

import (
	"errors"
	"io"
	"os"
	"testing"
)

func TestDiscardTakesWhatWasFetchedHoweverItComes(t *testing.T) {
	device, source, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	go func() {
		defer source.Close()
		for range 4 {
			_, _ = source.Write(make([]byte, fetchedBytesMax/4))
		}
		_, _ = source.WriteString("fresh")
	}()
	if err := discard(int(device.Fd()), fetchedBytesMax); err != nil {
		t.Fatal(err)
	}
	if fresh, err := io.ReadAll(device); err != nil || string(fresh) != "fresh" {
		t.Errorf("left %q, %v", fresh, err)
	}
	if err := discard(int(device.Fd()), 1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("of a device that has ended: %v", err)
	}
}
