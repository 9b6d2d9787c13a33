package tree

import (
	"pyro.dev/guest/internal/protocol"
)

// ParseMode reads permission bits in octal.
func ParseMode(text string) (uint32, error) {
	mode, isNumber := parseDigits([]byte(text), 8, modeMax)
	if !isNumber {
		return 0, protocol.Fail(protocol.CodeBadRequest, "the mode is %.40q, not octal up to 7777", text)
	}
	return uint32(mode), nil
}
