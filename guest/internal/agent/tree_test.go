package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pyro.dev/guest/internal/protocol"
)

const emptyStream = ". 0 0 0 0 0 0 - 0 \x00\x00"

func TestTreeBeforeActivation(t *testing.T) {
	h := startAgent(t)
	for _, request := range []string{
		"GET /v1/tree/scan", "GET /v1/tree/archive", "POST /v1/tree/archive", "GET /v1/tree/read", "POST /v1/tree/extract",
		"POST /v1/tree/write", "POST /v1/tree/edit", "POST /v1/tree/mark",
	} {
		method, path, _ := strings.Cut(request, " ")
		h.refused(method, path, "", protocol.CodeNotActivated)
	}
}

func TestTreeRequests(t *testing.T) {
	h := startActivated(t)
	body := "d 755 0 1000 0 0 0 - 0 dir\x00\x00f 640 2 1000 0 0 0 - 0 dir/a+ b\x00\x00D\x00\x00\x00\x02hiE\x00. 0 2 0 0 0 0 - 0 \x00\x00"
	status, text := h.request("POST", "/v1/tree/extract", strings.NewReader(body))
	var extracted struct {
		EntryCount int64  `json:"entry_count"`
		Bytes      int64  `json:"bytes"`
		Mark       string `json:"mark"`
	}
	if err := json.Unmarshal(text, &extracted); err != nil || status != 200 || extracted.EntryCount != 2 || extracted.Bytes != 2 || len(extracted.Mark) < 19 {
		t.Fatalf("%d %s", status, text)
	}
	if status, text = h.request("GET", "/v1/tree/scan?digest=1&since="+extracted.Mark, nil); status != 200 || bytes.Count(text, []byte(" = ")) != 2 {
		t.Errorf("scan: %d %q", status, text)
	}
	if status, text = h.request("GET", "/v1/tree/archive?path=dir", nil); status != 200 || !bytes.Contains(text, []byte("D\x00\x00\x00\x02hiE\x00")) {
		t.Errorf("archive: %d %q", status, text)
	}
	for _, method := range []string{"GET", "POST"} {
		if status, text = h.request(method, "/v1/tree/archive?list=1", strings.NewReader("dir\x00none\x00")); status != 200 || !bytes.HasSuffix(text, []byte(". 0 1 0 0 0 0 - 0 \x00\x00")) {
			t.Errorf("listed: %d %q", status, text)
		}
	}
	response, err := h.http.Get("http://agent/v1/tree/read?path=dir/a%2B%20b&offset=1&max=5")
	if err != nil {
		t.Fatal(err)
	}
	content, _ := io.ReadAll(response.Body)
	if string(content) != "i" || response.Header.Get("x-pyro-size") != "2" || response.Header.Get("x-pyro-mode") != "640" {
		t.Errorf("read: %q %v", content, response.Header)
	}
	if status, text = h.request("POST", "/v1/tree/write?path=%ff&mode=0600", strings.NewReader("x")); string(text) != `{"bytes":1,"created":true}` {
		t.Errorf("write: %d %s", status, text)
	}
	document := `{"operations":[{"op":"write","path":"e","size":1,"expect":null}]}`
	if status, text = h.request("POST", "/v1/tree/edit", strings.NewReader("\x00\x00\x00"+string(rune(len(document)))+document+"e")); string(text) != `{"operation_count":1}` {
		t.Errorf("edit: %d %s", status, text)
	}
	if status, text = h.request("POST", "/v1/tree/mark", nil); status != 200 || !bytes.HasPrefix(text, []byte(`{"mark":"1`)) {
		t.Errorf("mark: %d %s", status, text)
	}
	names, _ := filepath.Glob(filepath.Join(h.root, "..", ".stage-*"))
	if content, err := os.ReadFile(filepath.Join(h.root, "\xff")); err != nil || string(content) != "x" || len(names) != 0 {
		t.Errorf("%q %v, stages %v", content, err, names)
	}
}

func TestTreeRefusals(t *testing.T) {
	h := startActivated(t)
	for path, code := range map[string]protocol.Code{
		"GET /v1/tree/scan?path=../x":           protocol.CodeBadRequest,
		"GET /v1/tree/scan?path=/x":             protocol.CodeBadRequest,
		"GET /v1/tree/scan?path=a%00b":          protocol.CodeBadRequest,
		"GET /v1/tree/scan?depth=0":             protocol.CodeBadRequest,
		"GET /v1/tree/scan?since=soon":          protocol.CodeBadRequest,
		"GET /v1/tree/scan?digest=2":            protocol.CodeBadRequest,
		"GET /v1/tree/scan?path=%zz":            protocol.CodeBadRequest,
		"GET /v1/tree/scan?path=none":           protocol.CodeNotFound,
		"GET /v1/tree/archive?path=none":        protocol.CodeNotFound,
		"GET /v1/tree/archive?list=1":           "",
		"GET /v1/tree/read?path=":               protocol.CodeConflict,
		"GET /v1/tree/read?path=x&offset=-1":    protocol.CodeBadRequest,
		"GET /v1/tree/read?path=x&max=all":      protocol.CodeBadRequest,
		"POST /v1/tree/write?path=x&mode=0999":  protocol.CodeBadRequest,
		"POST /v1/tree/write?path=x&mode=10000": protocol.CodeBadRequest,
		"POST /v1/tree/write?path=":             protocol.CodeConflict,
		"POST /v1/tree/extract":                 protocol.CodeBadRequest,
		"POST /v1/tree/edit":                    protocol.CodeBadRequest,
		"POST /v1/freeze":                       protocol.CodeUnsupported,
	} {
		method, target, _ := strings.Cut(path, " ")
		if code == "" {
			if status, text := h.request(method, target, nil); status != 200 || string(text) != emptyStream {
				t.Errorf("%s: %d %q", path, status, text)
			}
			continue
		}
		h.refused(method, target, "", code)
	}
	if names, _ := os.ReadDir(h.root); len(names) != 0 {
		t.Errorf("%v is left", names)
	}
}

// TestTreeClientLeaves: what it uploaded halfway is gone.
func TestTreeClientLeaves(t *testing.T) {
	h := startActivated(t)
	ctx, cancel := context.WithCancel(context.Background())
	body, writer := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, "POST", "http://agent/v1/tree/extract", body)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_, _ = h.http.Do(request)
		close(ended)
	}()
	_, _ = io.WriteString(writer, "f 640 9 1000 0 0 0 - 0 half\x00\x00D\x00\x00\x00\x02hi")
	half := filepath.Join(h.root, "half")
	isThere := func() bool { _, err := os.Lstat(half); return err == nil }
	eventually(t, "the file is begun", isThere)
	cancel()
	<-ended
	eventually(t, "the half file is gone", func() bool { return !isThere() })
}

func TestPowerOffEndsUploads(t *testing.T) {
	h := startActivated(t)
	body, writer := io.Pipe()
	ended := make(chan struct{})
	go func() {
		_, _ = h.http.Post("http://agent/v1/tree/extract", "", body)
		close(ended)
	}()
	_, _ = io.WriteString(writer, "f 640 9 1000 0 0 0 - 0 half\x00\x00D\x00\x00\x00\x02hi")
	half := filepath.Join(h.root, "half")
	eventually(t, "the file is begun", func() bool { _, err := os.Lstat(half); return err == nil })
	// Whether the answer still gets through while the upload breaks off is not what matters here.
	if response, err := h.http.Post("http://agent/v1/power-off", "", nil); err == nil {
		response.Body.Close()
	}
	eventually(t, "the agent ended", func() bool { return !isAlive(h.process.Process.Pid) })
	writer.Close()
	<-ended
	if _, err := os.Lstat(half); err == nil {
		t.Error("half a file is left")
	}
}
