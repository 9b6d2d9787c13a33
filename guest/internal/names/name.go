package names

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

const (
	nameBytesMax  = 253
	labelBytesMax = 63
	reverseSuffix = ".in-addr.arpa"
)

// plain is a name in lower case without the dot at its end.
func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// isHost tells whether a name may be that of a host: of letters, digits, dashes and underscores, and nothing that some
// program reads as an address in digits.
func isHost(name string) bool {
	if name == "" || len(name) > nameBytesMax {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > labelBytesMax {
			return false
		}
		for _, b := range []byte(label) {
			if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' && b != '_' {
				return false
			}
		}
		last = label
	}
	return !isNumber(last)
}

func isNumber(label string) bool {
	if digits, found := strings.CutPrefix(label, "0x"); found {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

func isLocalhost(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// reversed reads the address of IPv4 that a question for its name is about.
func reversed(name string) (netip.Addr, bool) {
	digits, found := strings.CutSuffix(name, reverseSuffix)
	if !found {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(digits)
	if err != nil || !address.Is4() {
		return netip.Addr{}, false
	}
	bytes := address.As4()
	binary.BigEndian.PutUint32(bytes[:], binary.LittleEndian.Uint32(bytes[:]))
	return netip.AddrFrom4(bytes), true
}
