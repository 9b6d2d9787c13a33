package terminal

import "unicode/utf8"

const (
	parametersMax    = 16
	parameterMax     = 9999
	intermediatesMax = 2
	// textMax is longer than every string that is a question.
	textMax = 256
)

type state uint8

const (
	ground state = iota
	escape
	// escapeMore is an escape sequence with intermediate bytes.
	escapeMore
	csi
	dcs
	// ignored is a CSI or DCS beginning that fits no form, up to its final byte.
	ignored
	osc
	dcsText
	// otherText is a string that no answer depends on.
	otherText
)

// parser finds the control functions in a program's output (the states are
// those of a DEC VT500). It is never in a state that the next byte cannot end.
type parser struct {
	terminal *Terminal
	state    state
	// pending are the bytes of a character that is not complete.
	pending       [utf8.UTFMax]byte
	pendingLength int

	sequence sequence
	text     []byte
	// isDCS tells of an ignored beginning what it was.
	isDCS bool
	// textIsWhole says that nothing of the text was dropped.
	textIsWhole bool
}

// sequence is the part of a control function before its text.
type sequence struct {
	// prefix is one of < = > ?, 0 for none.
	prefix            byte
	parameters        [parametersMax]int
	parameterCount    int
	intermediates     [intermediatesMax]byte
	intermediateCount int
	final             byte
}

// parameter is the number at that place, fallback where it is missing or 0.
func (s *sequence) parameter(place, fallback int) int {
	if place >= s.parameterCount || s.parameters[place] == 0 {
		return fallback
	}
	return s.parameters[place]
}

// form is the sequence without its numbers, such as "?$p".
func (s *sequence) form() string {
	var form [2 + intermediatesMax]byte
	n := 0
	if s.prefix != 0 {
		form[n] = s.prefix
		n++
	}
	n += copy(form[n:], s.intermediates[:s.intermediateCount])
	form[n] = s.final
	return string(form[:n+1])
}

const (
	cancel     = 0x18
	substitute = 0x1a
	esc        = 0x1b
	bell       = 0x07
	del        = 0x7f
)

func (p *parser) feed(r rune) {
	switch {
	case r == cancel || r == substitute:
		p.state = ground
	case r == esc:
		p.endText("\x1b\\")
		p.begin(escape)
	case r >= 0x80 && r <= 0x9f:
		p.endText("\x1b\\")
		p.takeC1(r)
	default:
		p.takeInState(r)
	}
}

func (p *parser) begin(next state) {
	p.state = next
	p.sequence = sequence{}
	p.isDCS = next == dcs
	p.text = p.text[:0]
	p.textIsWhole = true
}

// takeC1 takes a control function of one character: each is short for ESC and another.
func (p *parser) takeC1(r rune) {
	p.begin(escape)
	p.takeInState(r - 0x40)
}

func (p *parser) takeInState(r rune) {
	switch p.state {
	case ground:
		p.takePlain(r)
	case escape, escapeMore:
		p.takeEscape(r)
	case csi, dcs:
		p.takeSequence(r)
	case ignored:
		p.takeIgnored(r)
	case osc, dcsText:
		p.takeText(r)
	case otherText:
	}
}

func (p *parser) takePlain(r rune) {
	switch {
	case r < ' ':
		p.terminal.control(r)
	case r != del:
		p.terminal.print(r)
	}
}

func (p *parser) takeEscape(r rune) {
	switch {
	case r < ' ':
		p.terminal.control(r)
	case r < '0':
		p.intermediate(byte(r))
		p.state = escapeMore
	case r >= del:
		p.state = ground
	case p.state == escapeMore:
		p.state = ground
		p.sequence.final = byte(r)
		p.terminal.escaped(&p.sequence)
	default:
		p.takeEscapeFinal(byte(r))
	}
}

func (p *parser) takeEscapeFinal(c byte) {
	switch c {
	case '[':
		p.begin(csi)
	case ']':
		p.begin(osc)
	case 'P':
		p.begin(dcs)
	case 'X', '^', '_':
		p.begin(otherText)
	default:
		p.state = ground
		p.sequence.final = c
		p.terminal.escaped(&p.sequence)
	}
}

func (p *parser) takeSequence(r rune) {
	s := &p.sequence
	switch {
	case r < ' ':
		if !p.isDCS {
			p.terminal.control(r)
		}
	case r < '0':
		p.intermediate(byte(r))
	case r <= ';':
		p.takeParameter(r)
	case r <= '?':
		if s.prefix != 0 || s.parameterCount > 0 || s.intermediateCount > 0 {
			p.state = ignored
			return
		}
		s.prefix = byte(r)
	case r < del:
		s.final = byte(r)
		p.endSequence()
	}
}

func (p *parser) endSequence() {
	if p.isDCS {
		p.state = dcsText
		return
	}
	p.state = ground
	p.terminal.controlSequence(&p.sequence)
}

func (p *parser) takeParameter(r rune) {
	s := &p.sequence
	if s.intermediateCount > 0 {
		p.state = ignored
		return
	}
	if s.parameterCount == 0 {
		s.parameterCount = 1
	}
	if r == ';' || r == ':' {
		if s.parameterCount < parametersMax {
			s.parameterCount++
			return
		}
		p.state = ignored
		return
	}
	last := &s.parameters[s.parameterCount-1]
	*last = min(*last*10+int(r-'0'), parameterMax)
}

func (p *parser) takeIgnored(r rune) {
	switch {
	case r < '@' || r >= del:
	case p.isDCS:
		p.state = otherText
	default:
		p.state = ground
	}
}

func (p *parser) intermediate(c byte) {
	s := &p.sequence
	if s.intermediateCount < intermediatesMax {
		s.intermediates[s.intermediateCount] = c
		s.intermediateCount++
		return
	}
	// Nothing that is answered or moves the cursor has as many.
	p.state = ignored
}

func (p *parser) takeText(r rune) {
	switch {
	case r == bell && p.state == osc:
		p.endText("\a")
		p.state = ground
	case r < ' ':
	case len(p.text)+utf8.UTFMax > textMax:
		p.textIsWhole = false
	default:
		p.text = utf8.AppendRune(p.text, r)
	}
}

// endText is called where a string may end; terminator is how answers to it do.
func (p *parser) endText(terminator string) {
	if !p.textIsWhole {
		return
	}
	switch p.state {
	case osc:
		p.terminal.operatingSystem(p.text, terminator)
	case dcsText:
		p.terminal.deviceControl(&p.sequence, p.text)
	}
}
