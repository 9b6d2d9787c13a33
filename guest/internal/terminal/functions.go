package terminal

// control does a control character's part.
func (t *Terminal) control(r rune) {
	t.lastWidth = 0
	switch r {
	case '\b':
		t.sideways(-1)
	case '\t':
		t.tab(1)
	case '\n', '\v', '\f':
		t.lineFeed()
	case '\r':
		t.column = 0
	}
}

// escaped does what is ESC and one more character, or few.
func (t *Terminal) escaped(s *sequence) {
	t.lastWidth = 0
	switch s.form() {
	case "7":
		t.save()
	case "8":
		t.restore()
	case "D":
		t.index()
		t.settle()
	case "E":
		t.index()
		t.column = 0
	case "M":
		t.reverseIndex()
		t.settle()
	case "H":
		t.setTab()
	case "c":
		t.reset()
	case "#8":
		t.top, t.bottom, t.origin = 0, t.rows-1, false
		t.home()
	}
}

// controlSequence does what begins with CSI.
func (t *Terminal) controlSequence(s *sequence) {
	defer func() { t.lastWidth = 0 }()
	if s.prefix == 0 && s.intermediateCount == 0 && t.move(s) {
		return
	}
	switch s.form() {
	case "r":
		t.scrollBetween(s.parameter(0, 1), s.parameter(1, 0))
	case "s":
		t.save()
	case "u":
		t.restore()
	case "g":
		t.clearTabs(s.parameter(0, 0))
	case "h", "l":
		t.setANSIModes(s, s.final == 'h')
	case "?h", "?l":
		t.setModes(s, s.final == 'h')
	case "!p":
		t.softReset()
	default:
		t.answerSequence(s)
	}
}

// move does the functions that move the cursor, and tells whether it was one of them.
func (t *Terminal) move(s *sequence) bool {
	count := s.parameter(0, 1)
	switch s.final {
	case 'A':
		t.up(count)
	case 'B', 'e':
		t.down(count)
	case 'C', 'a':
		t.sideways(count)
	case 'D':
		t.sideways(-count)
	case 'E':
		t.down(count)
		t.column = 0
	case 'F':
		t.up(count)
		t.column = 0
	case 'G', '`':
		t.toColumn(count - 1)
	case 'H', 'f':
		t.toRow(count - 1)
		t.toColumn(s.parameter(1, 1) - 1)
	case 'd':
		t.toRow(count - 1)
	case 'I':
		t.tab(count)
	case 'Z':
		t.backTab(count)
	case 'L', 'M':
		if t.row >= t.top && t.row <= t.bottom {
			t.column = 0
		}
	case 'b':
		t.repeat(count, t.modes.isSet(modeAutowrap))
	default:
		return false
	}
	return true
}

// softReset leaves the cursor where it is.
func (t *Terminal) softReset() {
	t.modes = defaultModes | t.modes&screenModes
	t.top, t.bottom, t.origin, t.newLine = 0, t.rows-1, false, false
	t.saved[t.screen()] = savedCursor{}
}
