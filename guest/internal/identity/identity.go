// Package identity finds out who a command runs as, from a root's own passwd and
// group files. Those are foreign bytes: everything about them is bounded.
package identity

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// groupsMax is far below the kernel's own bound and above any image's need.
	groupsMax = 256
	// idMax is the highest id that is not the kernel's "no change".
	idMax = 1<<32 - 2
)

// ErrUnknown is wrapped by every failure to find a user or a group.
var ErrUnknown = errors.New("not found")

// Identity is who a command runs as.
type Identity struct {
	UID, GID uint32
	// Groups are the supplementary ones.
	Groups []uint32
	// Name is the user's number where it has no entry.
	Name string
	Home string
}

// Root is the identity of a command without a user, in a root without a passwd file.
func Root() Identity { return Identity{Name: "root", Home: "/root"} }

// Resolve understands "", name, uid, name:group and uid:gid. An empty user is root.
func Resolve(user string, passwd, group []byte) (Identity, error) {
	if user == "" {
		user = "0"
	}
	userPart, groupPart, hasGroup := strings.Cut(user, ":")
	if userPart == "" || hasGroup && groupPart == "" {
		return Identity{}, fmt.Errorf("user %q: %w", user, ErrUnknown)
	}
	identity, err := resolveUser(userPart, passwd)
	if err != nil {
		return Identity{}, err
	}
	if hasGroup {
		identity.GID, err = resolveGroup(groupPart, group)
		return identity, err
	}
	identity.Groups = groupsOf(identity, group)
	return identity, nil
}

func resolveUser(user string, passwd []byte) (Identity, error) {
	number, isNumber := parseID(user)
	for _, entry := range parsePasswd(passwd) {
		if entry.name == user || isNumber && entry.uid == number {
			return Identity{UID: entry.uid, GID: entry.gid, Name: entry.name, Home: entry.home}, nil
		}
	}
	if !isNumber {
		if user == "root" {
			return Root(), nil
		}
		return Identity{}, fmt.Errorf("user %q: %w", user, ErrUnknown)
	}
	if number == 0 {
		return Root(), nil
	}
	return Identity{UID: number, Name: user, Home: "/"}, nil
}

func resolveGroup(name string, group []byte) (uint32, error) {
	for _, entry := range parseGroup(group) {
		if entry.name == name {
			return entry.gid, nil
		}
	}
	if number, isNumber := parseID(name); isNumber {
		return number, nil
	}
	return 0, fmt.Errorf("group %q: %w", name, ErrUnknown)
}

func groupsOf(identity Identity, group []byte) []uint32 {
	var groups []uint32
	for _, entry := range parseGroup(group) {
		if entry.gid == identity.GID || !entry.has(identity.Name) {
			continue
		}
		if len(groups) == groupsMax {
			break
		}
		groups = append(groups, entry.gid)
	}
	return groups
}

func parseID(text string) (uint32, bool) {
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil || number > idMax {
		return 0, false
	}
	return uint32(number), true
}
