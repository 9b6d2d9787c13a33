// Package names answers the machine's questions for names with addresses that stand for the names asked for: whoever
// connects to one of them is known to mean that name, whatever it resolves to anywhere else.
package names

import (
	"encoding/binary"
	"net/netip"
	"sync"
)

const (
	// reservedCount addresses at the beginning stand for no name: the machine's own is among them.
	reservedCount = 256
	addressCount  = 1 << 17
	// textBytesMax bounds what a machine can make the agent remember; names are 62 bytes long then, on average.
	textBytesMax = 8 << 20
)

// Range has all addresses that stand for names.
var Range = netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, 0, 0}), 15)

// Table binds names to addresses for good: programs keep an address as long as they like.
type Table struct {
	mutex     sync.Mutex
	numbers   map[string]uint32
	names     []string
	textBytes int
}

// Address answers what stands for the name, if it has been asked for before.
func (t *Table) Address(name string) (netip.Addr, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	number, found := t.numbers[name]
	return addressOf(number), found
}

// Allot answers what stands for the name from now on; false when there is no room for another.
func (t *Table) Allot(name string) (netip.Addr, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if number, found := t.numbers[name]; found {
		return addressOf(number), true
	}
	number := uint32(reservedCount + len(t.names))
	if number >= addressCount || t.textBytes+len(name) > textBytesMax {
		return netip.Addr{}, false
	}
	if t.numbers == nil {
		t.numbers = map[string]uint32{}
	}
	t.numbers[name] = number
	t.names = append(t.names, name)
	t.textBytes += len(name)
	return addressOf(number), true
}

// Name answers what the address stands for.
func (t *Table) Name(address netip.Addr) (string, bool) {
	if !Range.Contains(address) {
		return "", false
	}
	bytes := address.As4()
	first := Range.Addr().As4()
	number := binary.BigEndian.Uint32(bytes[:]) - binary.BigEndian.Uint32(first[:])
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if number < reservedCount || number >= uint32(reservedCount+len(t.names)) {
		return "", false
	}
	return t.names[number-reservedCount], true
}

func addressOf(number uint32) netip.Addr {
	bytes := Range.Addr().As4()
	binary.BigEndian.PutUint32(bytes[:], binary.BigEndian.Uint32(bytes[:])+number)
	return netip.AddrFrom4(bytes)
}
