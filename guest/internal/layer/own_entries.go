package layer

import (
	"encoding/binary"
	"hash/maphash"
)

// ownEntries are the names this layer made, each with the directory it is in. A
// whiteout hides what earlier layers left and nothing else, and no attribute of
// a file tells the two apart: one that has several names changes under all of
// them. Hashes bound the memory; their seed is nobody's to foresee.
type ownEntries struct {
	seed  maphash.Seed
	known map[uint64]struct{}
}

func newOwnEntries() ownEntries {
	return ownEntries{seed: maphash.MakeSeed(), known: map[uint64]struct{}{}}
}

func (o *ownEntries) add(directory uint64, name string) { o.known[o.key(directory, name)] = struct{}{} }

func (o *ownEntries) has(directory uint64, name string) bool {
	_, found := o.known[o.key(directory, name)]
	return found
}

func (o *ownEntries) key(directory uint64, name string) uint64 {
	var hash maphash.Hash
	hash.SetSeed(o.seed)
	var number [8]byte
	binary.NativeEndian.PutUint64(number[:], directory)
	_, _ = hash.Write(number[:])
	_, _ = hash.WriteString(name)
	return hash.Sum64()
}
