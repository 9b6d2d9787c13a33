package server

import (
	"net/http"
	"net/url"
	"strconv"

	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/tree"
)

// query reads a request's parameters; the first that does not fit is kept as the error.
type query struct {
	values url.Values
	err    error
}

func readQuery(request *http.Request) *query {
	values, err := url.ParseQuery(request.URL.RawQuery)
	if err != nil {
		err = protocol.Fail(protocol.CodeBadRequest, "the query is malformed: %v", err)
	}
	return &query{values, err}
}

func (q *query) fail(name, text, wanted string) {
	if q.err == nil {
		q.err = protocol.Fail(protocol.CodeBadRequest, "%s is %.80q, not %s", name, text, wanted)
	}
}

// path is a place in the tree; absent is the tree's own directory.
func (q *query) path() []byte {
	path := []byte(q.values.Get("path"))
	if q.err == nil {
		q.err = tree.CheckPath(path)
	}
	return path
}

// number is a count of at least minimum; absent is fallback.
func (q *query) number(name string, minimum, fallback int64) int64 {
	text := q.values.Get(name)
	if text == "" {
		return fallback
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < minimum {
		q.fail(name, text, "a number of at least "+strconv.FormatInt(minimum, 10))
	}
	return number
}

// flag is 0 or 1; absent is 0.
func (q *query) flag(name string) bool {
	text := q.values.Get(name)
	if text != "" && text != "0" && text != "1" {
		q.fail(name, text, "0 or 1")
	}
	return text == "1"
}

// mode is nil where there is none.
func (q *query) mode() *uint32 {
	text := q.values.Get("mode")
	if text == "" {
		return nil
	}
	mode, err := tree.ParseMode(text)
	if err != nil {
		q.fail("mode", text, "octal up to 7777")
	}
	return &mode
}

// text is as it came; whoever gets it checks it.
func (q *query) text(name string) string { return q.values.Get(name) }
