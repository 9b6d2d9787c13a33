package terminal

// modes are those that programs ask about or that others depend on.
type modes uint32

// A mode's number in the protocol is in modeNumbers, at its bit's place.
const (
	modeApplicationCursor modes = 1 << iota
	modeOrigin
	modeAutowrap
	modeMouseX10
	modeBlink
	modeCursor
	modeAlternate
	modeMouse
	modeMouseDrag
	modeMouseAny
	modeFocus
	modeMouseSGR
	modeAlternateClear
	modeAlternateSave
	modeBracketedPaste
	modeSynchronized
)

var modeNumbers = [...]int{1, 6, 7, 9, 12, 25, 47, 1000, 1002, 1003, 1004, 1006, 1047, 1049, 2004, 2026}

const (
	defaultModes = modeAutowrap | modeCursor
	screenModes  = modeAlternate | modeAlternateClear | modeAlternateSave
	saveCursor   = 1048
)

func modeOf(number int) (modes, bool) {
	for place, known := range modeNumbers {
		if known == number {
			return 1 << place, true
		}
	}
	return 0, false
}

func (m modes) isSet(one modes) bool { return m&one != 0 }

func (t *Terminal) setModes(s *sequence, on bool) {
	for _, number := range s.parameters[:s.parameterCount] {
		if number == saveCursor {
			t.saveOrRestore(on)
			continue
		}
		if mode, known := modeOf(number); known {
			t.setMode(mode, on)
		}
	}
}

func (t *Terminal) setMode(mode modes, on bool) {
	switch {
	case mode == modeOrigin:
		t.origin = on
		t.home()
	case mode&screenModes != 0:
		t.showScreen(on, mode == modeAlternateSave)
		// One screen, whatever name it was called by.
		mode = screenModes
	}
	if on {
		t.modes |= mode
	} else {
		t.modes &^= mode
	}
}

// showScreen changes between the two screens; the one who says so has the cursor kept.
func (t *Terminal) showScreen(alternate, keepsCursor bool) {
	if alternate && keepsCursor {
		t.save()
	}
	t.isAlternate = alternate
	if !alternate && keepsCursor {
		t.restore()
	}
}

func (t *Terminal) saveOrRestore(save bool) {
	if save {
		t.save()
	} else {
		t.restore()
	}
}

// modeNewLine is the only ANSI mode that moves the cursor.
const modeNewLine = 20

func (t *Terminal) setANSIModes(s *sequence, on bool) {
	for _, number := range s.parameters[:s.parameterCount] {
		if number == modeNewLine {
			t.newLine = on
		}
	}
}
