package terminal

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestAnswersAsXterm takes sessions with the answers that xterm.js gave to them (test/unit holds it against the file as well).
func TestAnswersAsXterm(t *testing.T) {
	text, err := os.ReadFile("testdata/xterm-answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var sessions []struct {
		Cols, Rows     int
		Input, Answers string
	}
	if err := json.Unmarshal(text, &sessions); err != nil || len(sessions) == 0 {
		t.Fatalf("%d sessions, %v", len(sessions), err)
	}
	for _, session := range sessions {
		if got := ask(New(session.Cols, session.Rows), session.Input); got != session.Answers {
			t.Errorf("%dx%d %q: %q, not %q", session.Cols, session.Rows, session.Input, got, session.Answers)
		}
	}
}

func ask(terminal *Terminal, output string) string { return string(terminal.Write([]byte(output))) }

// TestAnswersComeWhereverOutputIsCut feeds what is asked in two pieces, cut at every place.
func TestAnswersComeWhereverOutputIsCut(t *testing.T) {
	for question, want := range map[string]string{
		"漢字\x1b[6n":               "\x1b[1;5R",
		"ab\u009b?6n":             "\x1b[?1;3R",
		"\x1b]11;?\x1b\\":         "\x1b]11;rgb:0000/0000/0000\x1b\\",
		"\x1b]10;?;?\a":           "\x1b]10;rgb:e5e5/e5e5/e5e5\a\x1b]11;rgb:0000/0000/0000\a",
		"\x1b]4;1;?;255;?\a":      "\x1b]4;1;rgb:cdcd/0000/0000\a\x1b]4;255;rgb:eeee/eeee/eeee\a",
		"\x1b]4;16;?;231;?;9;?\a": "\x1b]4;16;rgb:0000/0000/0000\a\x1b]4;231;rgb:ffff/ffff/ffff\a\x1b]4;9;rgb:ffff/0000/0000\a",
		"\x1bP$qr\x1b\\":          "\x1bP1$r1;24r\x1b\\",
		"\x1b[18t":                "\x1b[8;24;80t",
		"\x1b[?2026$p":            "\x1b[?2026;2$y",
		"\x1b[?2026h\x1b[?2026$p": "\x1b[?2026;1$y",
		"\x1b[?2031$p":            "\x1b[?2031;0$y",
	} {
		for cut := range len(question) {
			terminal := New(80, 24)
			if got := ask(terminal, question[:cut]) + ask(terminal, question[cut:]); got != want {
				t.Errorf("%q cut at %d: %q, not %q", question, cut, got, want)
			}
		}
	}
}

func TestUnansweredAndHarmless(t *testing.T) {
	for _, output := range []string{
		"plain text", "\x1b[31mred\x1b[0m", "\x1b]0;6n\a", "\x1b]52;c;?\a", "\x1b[>q", "\x1b[?u", "\x1b[=c", "\x1b[?996n", "\x1bP+q544e\x1b\\", "\x1b[1c",
		"\x1b[21t", "\x1b]4;256;?\a", "\x1b]4;-1;?\a", "\x1b]11;rgb:0/0/0\a", "\x1b]999999999999999999999;?\a", "\x1b]11;?" + strings.Repeat("x", 300) + "\a",
		"\x1b[6\x18n", "\x1bP$q\x18m\x1b\\", "\x1b_\x1b[", "\x05", "\x1b[" + strings.Repeat("1;", 40) + "6n", "\x1b[?1;2?6n", "\x1b[  $6n",
	} {
		if got := ask(New(80, 24), output); got != "" {
			t.Errorf("%q was answered with %q", output, got)
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	terminal := New(80, 24)
	got := ask(terminal, strings.Repeat("\x1b[6n", 100000))
	if len(got) == 0 || len(got) > answersMax || len(got)%len("\x1b[1;1R") != 0 {
		t.Errorf("%d bytes of answers", len(got))
	}
	if got := ask(terminal, "\x1b[5n"); got != "\x1b[0n" {
		t.Errorf("afterwards %q", got)
	}
}

func TestSizeFollowsAndModesAreTold(t *testing.T) {
	terminal := New(80, 24)
	ask(terminal, "\x1b[24;80H\x1b[?1;2004h")
	if !terminal.ApplicationCursor() || !terminal.BracketedPaste() {
		t.Error("the modes are not told")
	}
	terminal.Resize(40, 10)
	if got := ask(terminal, "\x1b[6n\x1b[18t"); got != "\x1b[10;40R\x1b[8;10;40t" {
		t.Errorf("%q", got)
	}
	ask(terminal, "\x1bc")
	if terminal.ApplicationCursor() || terminal.BracketedPaste() {
		t.Error("a reset left modes")
	}
}

// FuzzTerminal: whatever a program writes, the cursor stays on the screen, and a question after it is answered.
func FuzzTerminal(f *testing.F) {
	for _, seed := range []string{"", "\x1b[6n", "\x1b[?6h\x1b[2;9r\x1b[99999999999B", "\x1b]4;1;?\x1b\\", "\xe6\xbc\xff\x9b6n", "\x1bP$qm", "\x1b[20h\x1b#8\x1b[3g\t\t\x1b[Z\x1b[500b"} {
		f.Add([]byte(seed), uint16(80), uint16(24), uint16(3))
	}
	f.Fuzz(func(t *testing.T, output []byte, columns, rows, cut uint16) {
		width, height := int(columns)%(ColumnsMax-ColumnsMin+1)+ColumnsMin, int(rows)%RowsMax+RowsMin
		terminal := New(width, height)
		check := func(answers []byte) {
			if terminal.row < 0 || terminal.row >= terminal.rows || terminal.column < 0 || terminal.column > terminal.columns {
				t.Fatalf("%d, %d of %d, %d", terminal.row, terminal.column, terminal.rows, terminal.columns)
			}
			if terminal.top < 0 || terminal.top > terminal.bottom || terminal.bottom >= terminal.rows {
				t.Fatalf("rows %d to %d of %d", terminal.top, terminal.bottom, terminal.rows)
			}
			if len(answers) > answersMax || cap(terminal.text) > 4*textMax {
				t.Fatalf("%d bytes of answers, %d of text", len(answers), cap(terminal.text))
			}
		}
		half := int(cut) % (len(output) + 1)
		check(terminal.Write(output[:half]))
		terminal.Resize(max(width/2, ColumnsMin), max(height/2, RowsMin))
		check(terminal.Write(output[half:]))
		if got := terminal.Write([]byte("\x18\x1b\\\x1b[5n")); !bytes.HasSuffix(got, []byte("\x1b[0n")) {
			t.Fatalf("no answer afterwards: %q", got)
		}
	})
}

func BenchmarkPlain(b *testing.B) {
	benchmark(b, "the quick brown fox jumps over the lazy dog 0123456789\r\n")
}

func BenchmarkColours(b *testing.B) {
	benchmark(b, "\x1b[32mok\x1b[0m \x1b[1mfile\x1b[0m.go:12:3: \x1b[31merror\x1b[0m\r\n")
}

func BenchmarkWide(b *testing.B) { benchmark(b, "漢字かな交じり文\r\n") }

func benchmark(b *testing.B, line string) {
	output := []byte(strings.Repeat(line, 1000))
	terminal := New(120, 30)
	b.SetBytes(int64(len(output)))
	for b.Loop() {
		terminal.Write(output)
	}
}
