// Package terminal answers what programs ask of their terminal, as xterm does. It
// follows the cursor and some modes, and keeps no screen: every byte of it is
// foreign, and none of them may cost more than a step.
package terminal

import "unicode/utf8"

// Kind is what programs find in TERM.
const Kind = "xterm-256color"

const (
	// ColumnsMin is what a terminal needs to show a wide character.
	ColumnsMin = 2
	ColumnsMax = 1000
	RowsMin    = 1
	RowsMax    = 500
	// answersMax bounds what one piece of output can ask for; what is asked beyond gets no answer.
	answersMax = 4096
)

// Terminal is one terminal's answering part.
type Terminal struct {
	parser
	cursor
	modes   modes
	answers []byte
}

// New makes a terminal of that size, within the limits above.
func New(columns, rows int) *Terminal {
	t := &Terminal{}
	t.parser.terminal = t
	t.columns, t.rows = columns, rows
	t.reset()
	return t
}

// Write takes a program's output and answers what it asked; the answer is valid
// until the next call.
func (t *Terminal) Write(output []byte) []byte {
	t.answers = t.answers[:0]
	for i := 0; i < len(output); {
		if t.state == ground && t.pendingLength == 0 {
			run := plainRun(output[i:])
			if run > 0 {
				t.printPlain(run)
				i += run
				continue
			}
		}
		t.take(output[i])
		i++
	}
	return t.answers
}

// plainRun is the length of the characters of one column each that output begins with.
func plainRun(output []byte) int {
	for i, c := range output {
		if c < ' ' || c >= 0x7f {
			return i
		}
	}
	return len(output)
}

// Resize follows the terminal's size; what a terminal with a screen wraps anew, this one cannot.
func (t *Terminal) Resize(columns, rows int) {
	t.columns, t.rows = columns, rows
	t.top, t.bottom = 0, rows-1
	t.row = min(t.row, rows-1)
	t.column = min(t.column, columns-1)
	t.resetTabs()
}

// ApplicationCursor says which of two ways arrow keys are to be sent.
func (t *Terminal) ApplicationCursor() bool { return t.modes.isSet(modeApplicationCursor) }

// BracketedPaste says that the program wants to know what was pasted.
func (t *Terminal) BracketedPaste() bool { return t.modes.isSet(modeBracketedPaste) }

func (t *Terminal) reset() {
	t.modes = defaultModes
	t.cursor.reset()
}

// answer drops what does not fit as a whole.
func (t *Terminal) answer(text string) {
	if len(t.answers)+len(text) <= answersMax {
		t.answers = append(t.answers, text...)
	}
}

// print shows one character.
func (t *Terminal) print(r rune) {
	width := runeWidth(r)
	t.cursor.print(width, t.modes.isSet(modeAutowrap))
	if width > 0 {
		t.lastWidth = width
	}
}

func (t *Terminal) printPlain(count int) {
	t.lastWidth = 1
	t.cursor.printNarrow(count, t.modes.isSet(modeAutowrap))
}

// take gathers the bytes of a character; what is none is shown as the one that stands for such.
func (t *Terminal) take(c byte) {
	if t.pendingLength == 0 && c < utf8.RuneSelf {
		t.feed(rune(c))
		return
	}
	t.pending[t.pendingLength] = c
	t.pendingLength++
	for t.pendingLength > 0 && utf8.FullRune(t.pending[:t.pendingLength]) {
		r, size := utf8.DecodeRune(t.pending[:t.pendingLength])
		copy(t.pending[:], t.pending[size:t.pendingLength])
		t.pendingLength -= size
		t.feed(r)
	}
}
