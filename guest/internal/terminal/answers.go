package terminal

import (
	"bytes"
	"fmt"
	"strconv"
)

// No answer repeats text that the program chose: whoever gets it may be a shell.

// answerSequence answers the questions among control sequences. A terminal with
// colours and nothing special is what all programs know how to use.
func (t *Terminal) answerSequence(s *sequence) {
	switch s.form() {
	case "c":
		if s.parameter(0, 0) == 0 {
			t.answer("\x1b[?1;2c")
		}
	case ">c":
		if s.parameter(0, 0) == 0 {
			t.answer("\x1b[>0;276;0c")
		}
	case "n":
		t.answerStatus(s.parameter(0, 0))
	case "?n":
		if s.parameter(0, 0) == askCursor {
			t.answerCursor("?")
		}
	case "?$p":
		t.answer(fmt.Sprintf("\x1b[?%d;%d$y", s.parameter(0, 0), t.modeState(s.parameter(0, 0))))
	case "$p":
		t.answer(fmt.Sprintf("\x1b[%d;%d$y", s.parameter(0, 0), t.ansiModeState(s.parameter(0, 0))))
	case "t":
		if s.parameter(0, 0) == askSize {
			t.answer(fmt.Sprintf("\x1b[8;%d;%dt", t.rows, t.columns))
		}
	}
}

const (
	askStatus = 5
	askCursor = 6
	askSize   = 18
)

func (t *Terminal) answerStatus(asked int) {
	switch asked {
	case askStatus:
		t.answer("\x1b[0n")
	case askCursor:
		t.answerCursor("")
	}
}

func (t *Terminal) answerCursor(prefix string) {
	row := t.row
	if t.origin {
		row -= t.top
	}
	t.answer(fmt.Sprintf("\x1b[%s%d;%dR", prefix, row+1, min(t.column, t.columns-1)+1))
}

// The states of a mode, in an answer.
const (
	modeUnknown = 0
	modeOn      = 1
	modeOff     = 2
)

func (t *Terminal) modeState(number int) int {
	mode, known := modeOf(number)
	if !known {
		return modeUnknown
	}
	return onOrOff(t.modes.isSet(mode))
}

func (t *Terminal) ansiModeState(number int) int {
	if number != modeNewLine {
		return modeUnknown
	}
	return onOrOff(t.newLine)
}

func onOrOff(on bool) int {
	if on {
		return modeOn
	}
	return modeOff
}

// deviceControl answers which settings are in force.
func (t *Terminal) deviceControl(s *sequence, text []byte) {
	if s.form() != "$q" {
		return
	}
	switch string(text) {
	case "m":
		t.answer("\x1bP1$r0m\x1b\\")
	case "r":
		t.answer(fmt.Sprintf("\x1bP1$r%d;%dr\x1b\\", t.top+1, t.bottom+1))
	case " q":
		t.answer("\x1bP1$r2 q\x1b\\")
	default:
		t.answer("\x1bP0$r\x1b\\")
	}
}

const (
	oscPalette    = 4
	oscForeground = 10
	oscBackground = 11
	oscCursor     = 12
)

// operatingSystem answers questions about colours.
func (t *Terminal) operatingSystem(text []byte, terminator string) {
	number, rest, _ := bytes.Cut(text, []byte(";"))
	first, err := strconv.Atoi(string(number))
	if err != nil || len(rest) == 0 {
		return
	}
	fields := bytes.Split(rest, []byte(";"))
	if first == oscPalette {
		t.answerPalette(fields, terminator)
		return
	}
	// Each further field is about the next number.
	for i, field := range fields {
		asked, isColour := namedColours[first+i]
		if isColour && string(field) == "?" {
			t.answer(fmt.Sprintf("\x1b]%d;%s%s", first+i, asked, terminator))
		}
	}
}

var namedColours = map[int]colour{
	oscForeground: 0xe5e5e5,
	oscBackground: 0x000000,
	oscCursor:     0xe5e5e5,
}

// answerPalette takes pairs of a colour's number and a question mark.
func (t *Terminal) answerPalette(fields [][]byte, terminator string) {
	for i := 0; i+1 < len(fields); i += 2 {
		number, err := strconv.Atoi(string(fields[i]))
		if err != nil || number < 0 || number > 255 || string(fields[i+1]) != "?" {
			continue
		}
		t.answer(fmt.Sprintf("\x1b]4;%d;%s%s", number, paletteColour(number), terminator))
	}
}
