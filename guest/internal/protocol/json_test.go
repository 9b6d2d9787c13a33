package protocol

import (
	"strings"
	"testing"
)

func TestDecodeRefusesWhatTheDecoderWouldBend(t *testing.T) {
	for name, text := range map[string]string{
		"not UTF-8":             "{\"a\":\"\xff\"}",
		"half a surrogate pair": `{"a":"\ud800"}`,
		"low half first":        `{"a":"\udc00\ud800"}`,
		"half, then a letter":   `{"a":"\ud800x"}`,
		"too deep":              strings.Repeat("[", depthMax+1) + strings.Repeat("]", depthMax+1),
		"far too deep":          strings.Repeat("[", 1<<20),
		"something after it":    `{} {}`,
		"cut off":               `{"a":`,
		"cut off in an escape":  `{"a":"\`,
		"cut off in a \\u":      `{"a":"\u12`,
		"nothing":               ``,
	} {
		var value any
		err := Decode([]byte(text), &value)
		if err == nil || AsFailure(err).Code != CodeBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeTakesWhatIsRight(t *testing.T) {
	var value struct {
		A string `json:"a"`
	}
	for text, want := range map[string]string{
		`{"a":"\ud83d\ude00"}`:           "😀",
		`{"a":"\\ud800"}`:                `\ud800`,
		`{"a":"x","later":{"new":[1]}}`:  "x",
		` {"a" : "\"{[" } `:              `"{[`,
		strings.Repeat(" ", 9) + `{}`:    "",
		`{"a":"` + "\u00e9" + `\u00e9"}`: "éé",
	} {
		value.A = ""
		if err := Decode([]byte(text), &value); err != nil || value.A != want {
			t.Errorf("%s: %q, %v", text, value.A, err)
		}
	}
	if err := Decode([]byte(strings.Repeat("[", depthMax)+strings.Repeat("]", depthMax)), new(any)); err != nil {
		t.Errorf("the greatest depth: %v", err)
	}
}

func TestReadDocumentIsBounded(t *testing.T) {
	long := `"` + strings.Repeat("x", documentBytesMax) + `"`
	err := ReadDocument(strings.NewReader(long), new(string))
	if err == nil || AsFailure(err).Code != CodeLimitExceeded {
		t.Errorf("got %v", err)
	}
}

func TestWrongTypesNameTheField(t *testing.T) {
	err := Decode([]byte(`{"timeout_ms":"soon"}`), &ExecRequest{})
	if err == nil || !strings.Contains(err.Error(), "timeout_ms") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":"\ud83d\ude00","b":[1,{"c":null}]}`))
	f.Add([]byte(`"\`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var value any
		if Decode(text, &value) != nil {
			return
		}
		if strings.Contains(string(text), "�") {
			return
		}
		if containsReplacement(value) && !strings.Contains(strings.ToLower(string(text)), `\ufffd`) {
			t.Errorf("a character was replaced silently in %q", text)
		}
	})
}

func containsReplacement(value any) bool {
	switch value := value.(type) {
	case string:
		return strings.ContainsRune(value, '�')
	case []any:
		for _, each := range value {
			if containsReplacement(each) {
				return true
			}
		}
	case map[string]any:
		for name, each := range value {
			if containsReplacement(name) || containsReplacement(each) {
				return true
			}
		}
	}
	return false
}

func TestRefusalsNameFieldsAsOnTheWire(t *testing.T) {
	for document, want := range map[string]string{
		`{"command":["a"],"user":5}`: "user is a JSON number",
		`{"command":5}`:              "command is a JSON number",
		`5`:                          "the document is a JSON number",
	} {
		_, err := parseExecRequest([]byte(document))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", document, err)
		}
	}
}
