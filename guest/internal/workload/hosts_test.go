package workload

import "testing"

func TestHosts(t *testing.T) {
	const own = "127.0.1.1\tpyro-1\n"
	for text, want := range map[string]string{
		"":                              localhostV4 + localhostV6 + own,
		"# nothing\n":                   localhostV4 + localhostV6 + "# nothing\n" + own,
		"#127.0.0.1 localhost":          localhostV4 + localhostV6 + "#127.0.0.1 localhost\n" + own,
		"10.0.0.7 db # localhost\n":     localhostV4 + localhostV6 + "10.0.0.7 db # localhost\n" + own,
		"127.0.0.1\tx  localhost\n":     localhostV6 + "127.0.0.1\tx  localhost\n" + own,
		"::1 localhost":                 localhostV4 + "::1 localhost\n" + own,
		localhostV4 + localhostV6:       localhostV4 + localhostV6 + own,
		localhostV4 + "127.0.0.1 db":    localhostV6 + localhostV4 + "127.0.0.1 db\n" + own,
		localhostV4 + "::1\n" + own:     localhostV6 + localhostV4 + "::1\n" + own,
		localhostV4 + localhostV6 + own: localhostV4 + localhostV6 + own,
	} {
		if got := completeHosts(text).with("pyro-1"); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}
