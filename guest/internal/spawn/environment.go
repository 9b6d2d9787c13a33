package spawn

import (
	"slices"
	"strings"

	"pyro.dev/guest/internal/identity"
)

const pathDefault = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// mergeEnvironment lays the request's entries over the image's over what follows
// from the user; the last entry of a name wins, at the place of the first.
func mergeEnvironment(who identity.Identity, defaults, requested []string) []string {
	base := []string{"PATH=" + pathDefault, "HOME=" + who.Home, "USER=" + who.Name, "LOGNAME=" + who.Name}
	merged := make([]string, 0, len(base)+len(defaults)+len(requested))
	places := make(map[string]int, cap(merged))
	for _, entry := range slices.Concat(base, defaults, requested) {
		name, _, _ := strings.Cut(entry, "=")
		if place, found := places[name]; found {
			merged[place] = entry
			continue
		}
		places[name] = len(merged)
		merged = append(merged, entry)
	}
	return merged
}

func variable(environment []string, name string) string {
	for _, entry := range environment {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}
