package service

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

func openDirectory(t *testing.T, path string) int {
	t.Helper()
	directory, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

func openLog(t *testing.T, paths ...string) *Log {
	t.Helper()
	var directories []int
	for _, path := range paths {
		directories = append(directories, openDirectory(t, path))
	}
	log, err := OpenLog(directories...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}

// readAll answers the text of both outputs, and how many bytes are said to be missing.
func readAll(t *testing.T, log *Log, query LogQuery) (text string, dropped uint64, end protocol.LogEnd) {
	t.Helper()
	var all bytes.Buffer
	end, err := log.Read(context.Background(), query, func(record Record) error {
		if record.Kind == protocol.FrameDropped {
			dropped += binary.BigEndian.Uint64(record.Payload)
			return nil
		}
		all.Write(record.Payload)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String(), dropped, end
}

func everything() LogQuery { return LogQuery{TailLines: -1} }

func usedBytes(t *testing.T, path string) (total int64) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if status, err := entry.Info(); err == nil {
			total += status.Size()
		}
	}
	return total
}

func TestLogKeepsTheNewest(t *testing.T) {
	path := t.TempDir()
	log := openLog(t, path)
	line := strings.Repeat("x", 999) + "\n"
	for range 40_000 {
		log.Write(protocol.FrameOutput, []byte(line))
	}
	log.Write(protocol.FrameError, []byte("the end\n"))
	if used := usedBytes(t, path); used > segmentsMax*segmentBytesMax || used < (segmentsMax-1)*segmentBytesMax {
		t.Errorf("%d bytes on the disk", used)
	}
	text, dropped, end := readAll(t, log, everything())
	if !strings.HasSuffix(text, line+"the end\n") || strings.Count(text, line)*len(line) < len(text)-len("the end\n") || dropped != 0 {
		t.Errorf("%d bytes, %d dropped", len(text), dropped)
	}
	if end.FirstCursor == 0 || end.NextCursor < 40_000_000 {
		t.Errorf("%+v", end)
	}
	if tail, _, _ := readAll(t, log, LogQuery{TailLines: 3}); strings.Count(tail, "\n") != 5 {
		t.Errorf("%d lines", strings.Count(tail, "\n"))
	}
	if more, _, _ := readAll(t, log, LogQuery{TailLines: 3000}); strings.Count(more, "\n") != 3002 {
		t.Errorf("%d lines", strings.Count(more, "\n"))
	}
	if rest, _, _ := readAll(t, log, LogQuery{TailLines: -1, Cursor: end.NextCursor}); rest != "" {
		t.Errorf("%q", rest)
	}
}

func TestLogGoesOnWhereItWas(t *testing.T) {
	path := t.TempDir()
	first := openLog(t, path)
	first.Write(protocol.FrameOutput, []byte("one\n"))
	first.Close()
	first.Write(protocol.FrameOutput, []byte("lost\n"))
	second := openLog(t, path)
	second.Write(protocol.FrameOutput, []byte("two\n"))
	if text, _, _ := readAll(t, second, everything()); text != "one\ntwo\n" {
		t.Errorf("%q", text)
	}
}

// TestLogThatMoves is read as one, and writes nothing more to where it was.
func TestLogThatMoves(t *testing.T) {
	before, after := t.TempDir(), t.TempDir()
	log := openLog(t, before)
	log.Write(protocol.FrameOutput, []byte("one\n"))
	used := usedBytes(t, before)
	log.MoveTo(openDirectory(t, after))
	log.Write(protocol.FrameOutput, []byte("two\n"))
	log.MoveTo(openDirectory(t, after))
	log.Write(protocol.FrameError, []byte("three\n"))
	if usedBytes(t, before) != used || usedBytes(t, after) == 0 {
		t.Errorf("%d bytes before, %d after", usedBytes(t, before)-used, usedBytes(t, after))
	}
	if text, _, _ := readAll(t, log, everything()); text != "one\ntwo\nthree\n" {
		t.Errorf("%q", text)
	}
	if text, _, _ := readAll(t, log, LogQuery{TailLines: 0}); text != "two\nthree\n" {
		t.Errorf("%q", text)
	}
	log.Close()
	again := openLog(t, before, after)
	again.Write(protocol.FrameOutput, []byte("four\n"))
	if text, _, _ := readAll(t, again, everything()); text != "one\ntwo\nthree\nfour\n" || usedBytes(t, before) != used {
		t.Errorf("%q", text)
	}
}

// TestLogThatMovesBeforeItWrites has one file for one position.
func TestLogThatMovesBeforeItWrites(t *testing.T) {
	before, after := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(before, segment{}.name()), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	log := openLog(t, before)
	log.MoveTo(openDirectory(t, after))
	log.Write(protocol.FrameOutput, []byte("one\n"))
	if text, _, _ := readAll(t, log, everything()); text != "one\n" || usedBytes(t, before) != 0 {
		t.Errorf("%q", text)
	}
}

// TestLogThatMovedIsKeptWithoutAGap: what is oldest goes first, wherever it is.
func TestLogThatMovedIsKeptWithoutAGap(t *testing.T) {
	before, after := t.TempDir(), t.TempDir()
	log := openLog(t, before)
	log.Write(protocol.FrameOutput, []byte("old\n"))
	log.MoveTo(openDirectory(t, after))
	line := strings.Repeat("x", 999) + "\n"
	for range (segmentsMax - 1) * segmentBytesMax / len(line) {
		log.Write(protocol.FrameOutput, []byte(line))
	}
	if text, _, end := readAll(t, log, everything()); !strings.HasPrefix(text, "old\n"+line) || end.FirstCursor != 0 {
		t.Errorf("%q", text[:min(len(text), 20)])
	}
	for range 2 * segmentBytesMax / len(line) {
		log.Write(protocol.FrameOutput, []byte(line))
	}
	if text, _, end := readAll(t, log, everything()); !strings.HasPrefix(text, line) || end.FirstCursor == 0 || usedBytes(t, before) != 0 {
		t.Errorf("%q, %d bytes where it was", text[:min(len(text), 20)], usedBytes(t, before))
	}
}

// TestLogThatSomebodyDamaged: whoever writes to the disk itself costs nobody more than what is in that file.
func TestLogThatSomebodyDamaged(t *testing.T) {
	for name, damage := range map[string][]byte{
		"zeros":     make([]byte, 100),
		"long":      {1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'x'},
		"short":     {1, 0, 0},
		"kind":      {9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'x'},
		"empty":     {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"truncated": {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 'x'},
	} {
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, segment{}.name()), damage, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ffffffffffffffff", "no segment", "0"} {
			if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		log := openLog(t, path)
		log.Write(protocol.FrameOutput, []byte("after\n"))
		if text, dropped, _ := readAll(t, log, everything()); text != "after\n" || dropped != 0 {
			t.Errorf("%s: %q %d", name, text, dropped)
		}
	}
}

// TestLogOnAFullDisk goes on, counts what is missing, and says so once there is room.
func TestLogOnAFullDisk(t *testing.T) {
	path := t.TempDir()
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	log := openLog(t, path)
	line := strings.Repeat("x", 999) + "\n"
	const count = 1000
	for range count {
		log.Write(protocol.FrameOutput, []byte(line))
	}
	if err := unix.Mount("", path, "", unix.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	log.Write(protocol.FrameOutput, []byte("room again\n"))
	text, dropped, _ := readAll(t, log, everything())
	kept := strings.Count(text, line)
	if dropped == 0 || kept == 0 || kept*len(line)+int(dropped) != count*len(line) || !strings.HasSuffix(text, "room again\n") {
		t.Errorf("%d lines and %d bytes dropped, %q", kept, dropped, text[max(0, len(text)-20):])
	}
}

func TestLineWatch(t *testing.T) {
	const text = "listening on"
	for _, pieces := range [][]string{
		{"1:server listening on 80"}, {"1:listening", "1: on"}, {"1:l", "1:istening o", "1:n"},
		{"1:listen", "2:noise\n", "1:ing on"}, {"2:xlisteninglistening on"},
	} {
		if !sees(text, pieces) {
			t.Errorf("%q: not seen", pieces)
		}
	}
	for _, pieces := range [][]string{{"1:listening", "1:\n on"}, {"1:listening", "2: on"}, {"1:listenin on"}} {
		if sees(text, pieces) {
			t.Errorf("%q: seen", pieces)
		}
	}
	if !sees("x", []string{"1:abc", "1:xyz"}) {
		t.Error("one letter is not seen")
	}
}

func sees(text string, pieces []string) bool {
	watch := newLineWatch(text)
	for _, piece := range pieces {
		var kind protocol.FrameKind
		_, _ = fmt.Sscanf(piece, "%d:", &kind)
		watch.look(kind, []byte(piece[2:]))
	}
	select {
	case <-watch.seen:
		return true
	default:
		return false
	}
}
