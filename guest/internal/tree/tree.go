package tree

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Place is where a tree lies. Its descriptors become the tree's.
type Place struct {
	// Root is the tree's own directory.
	Root int
	// StageParent is a directory of the same mount, in which new files wait for
	// their place under the name StageName.
	StageParent int
	StageName   string
	// StageIsInside says that there was no other place than the tree itself.
	StageIsInside bool
	// OwnsDisk says that nothing but the tree's machine uses the file system, so that all of it may be flushed.
	OwnsDisk bool
	// IsRoot says that the tree is all that a machine has: a link on the way to a path leads where it led there.
	IsRoot bool
}

// Tree is a directory that requests read and change.
type Tree struct {
	root  int
	stage stage
	// hidden is the name of what is ours in the tree's own directory, "" for none.
	hidden string
	// ownsDisk is the place's.
	ownsDisk bool
	// isRoot is the place's.
	isRoot bool
	// changes orders those that look first and act then.
	changes sync.Mutex

	uses sync.Mutex
	// userCount requests are at work; the descriptors are closed after the last.
	userCount int
	hasEnded  bool
}

// New makes a tree of a place.
func New(place Place) *Tree {
	made := &Tree{root: place.Root, ownsDisk: place.OwnsDisk, isRoot: place.IsRoot, stage: stage{parent: place.StageParent, name: place.StageName, descriptor: -1}}
	if place.StageIsInside {
		made.hidden = place.StageName
	}
	return made
}

// Acquire keeps the tree open until Release. It fails once the tree has ended.
func (t *Tree) Acquire() bool {
	t.uses.Lock()
	defer t.uses.Unlock()
	if t.hasEnded {
		return false
	}
	t.userCount++
	return true
}

// Release gives back what Acquire took.
func (t *Tree) Release() {
	t.uses.Lock()
	defer t.uses.Unlock()
	t.userCount--
	t.closeIfUnused()
}

// End lets the tree go as soon as nobody is at work on it.
func (t *Tree) End() {
	t.uses.Lock()
	defer t.uses.Unlock()
	t.hasEnded = true
	t.closeIfUnused()
}

func (t *Tree) closeIfUnused() {
	if !t.hasEnded || t.userCount > 0 || t.root < 0 {
		return
	}
	_ = unix.Close(t.root)
	_ = unix.Close(t.stage.parent)
	t.root = -1
}
