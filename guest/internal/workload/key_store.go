package workload

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"slices"
	"unicode/utf16"
)

const (
	keyStoreMagic   = 0xfeedfeed
	keyStoreVersion = 2
	trustedEntry    = 2
	// keyStorePassword protects nothing: every list of what Java trusts has it.
	keyStorePassword = "changeit"
)

// errOtherKeyStore tells of a store that is not Java's own kind with its usual password, or holds more than certificates.
var errOtherKeyStore = errors.New("not a list of certificates as Java keeps it")

// inKeyStore answers the store (JKS) with one certificate under the name, in the place of the one there was; nil for none.
func inKeyStore(store []byte, name string, der []byte) ([]byte, error) {
	if len(store) < 12+sha1.Size {
		return nil, errOtherKeyStore
	}
	body, digest := store[:len(store)-sha1.Size], store[len(store)-sha1.Size:]
	if !bytes.Equal(digest, keyStoreDigest(body)) {
		return nil, errOtherKeyStore
	}
	read := keyStoreReader{rest: body}
	if read.number() != keyStoreMagic || read.number() != keyStoreVersion {
		return nil, errOtherKeyStore
	}
	kept := [][]byte{}
	for count := read.number(); count > 0 && !read.failed; count-- {
		entry, entryName := read.entry()
		if entryName != name {
			kept = append(kept, entry)
		}
	}
	if read.failed || len(read.rest) > 0 {
		return nil, errOtherKeyStore
	}
	if der != nil {
		kept = append(kept, newKeyStoreEntry(name, der))
	}
	head := binary.BigEndian.AppendUint32(nil, keyStoreMagic)
	head = binary.BigEndian.AppendUint32(head, keyStoreVersion)
	head = binary.BigEndian.AppendUint32(head, uint32(len(kept)))
	changed := slices.Concat(append([][]byte{head}, kept...)...)
	return append(changed, keyStoreDigest(changed)...), nil
}

func newKeyStoreEntry(name string, der []byte) []byte {
	entry := binary.BigEndian.AppendUint32(nil, trustedEntry)
	entry = appendKeyStoreText(entry, name)
	// When it was made; nobody asks.
	entry = binary.BigEndian.AppendUint64(entry, 0)
	entry = appendKeyStoreText(entry, "X.509")
	entry = binary.BigEndian.AppendUint32(entry, uint32(len(der)))
	return append(entry, der...)
}

func appendKeyStoreText(to []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(text))), text...)
}

func keyStoreDigest(body []byte) []byte {
	hash := sha1.New()
	for _, unit := range utf16.Encode([]rune(keyStorePassword)) {
		hash.Write([]byte{byte(unit >> 8), byte(unit)})
	}
	hash.Write([]byte("Mighty Aphrodite"))
	hash.Write(body)
	return hash.Sum(nil)
}

// keyStoreReader fails once and for all where the bytes end early or are of another kind.
type keyStoreReader struct {
	rest   []byte
	failed bool
}

func (r *keyStoreReader) take(count int) []byte {
	if r.failed || count < 0 || count > len(r.rest) {
		r.failed = true
		return nil
	}
	taken := r.rest[:count]
	r.rest = r.rest[count:]
	return taken
}

func (r *keyStoreReader) number() uint32 {
	if taken := r.take(4); taken != nil {
		return binary.BigEndian.Uint32(taken)
	}
	return 0
}

func (r *keyStoreReader) text() string {
	length := r.take(2)
	if length == nil {
		return ""
	}
	return string(r.take(int(binary.BigEndian.Uint16(length))))
}

// entry answers the whole of one, and its name.
func (r *keyStoreReader) entry() ([]byte, string) {
	from := r.rest
	if r.number() != trustedEntry {
		r.failed = true
		return nil, ""
	}
	name := r.text()
	r.take(8)
	r.text()
	r.take(int(r.number()))
	return from[:len(from)-len(r.rest)], name
}
