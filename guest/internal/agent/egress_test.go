package agent

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestEgressReachesServersByName(t *testing.T) {
	h := startNetworked(t)
	page := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		_, _ = response.Write([]byte("hello " + request.Host))
	}))
	defer page.Close()
	g := h.openGate(allowTo(page.Listener.Addr().String()))
	for _, host := range []string{"example.org", "192.0.2.1", "10.0.0.1:8080", "[2001:db8::1]"} {
		result := h.exec(shell("curl -sS -m 20 http://"+host+"/"), nil)
		if result.stdout.String() != "hello "+host {
			t.Errorf("%s: %+v %q %q", host, result.end, result.stdout.String(), result.stderr.String())
		}
	}
	asked := g.said("connection")
	if len(asked) != 4 || asked[0].Host != "example.org" || asked[0].Port != 80 || asked[1].Host != "192.0.2.1" || asked[2].Port != 8080 || asked[3].Host != "2001:db8::1" {
		t.Errorf("%+v", asked)
	}
	if text := h.exec(shell("getent hosts EXAMPLE.org"), nil).stdout.String(); !strings.HasPrefix(text, "198.18.1.0 ") {
		t.Errorf("%q", text)
	}
}
