package protocol

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// documentBytesMax bounds every JSON document but that of exec.
	documentBytesMax = 1 << 20
	depthMax         = 32
)

// ReadDocument reads one JSON document of ordinary size to its end into target.
func ReadDocument(from io.Reader, target any) error {
	text, err := io.ReadAll(io.LimitReader(from, documentBytesMax+1))
	if err != nil {
		return Fail(CodeBadRequest, "the request body broke off: %v", err)
	}
	if len(text) > documentBytesMax {
		return Fail(CodeLimitExceeded, "the document has more than %d bytes", documentBytesMax)
	}
	return Decode(text, target)
}

// Decode parses one JSON document strictly: UTF-8, bounded depth, nothing after
// it, and no escape that stands for half a character, since the decoder would
// replace that silently and name another file.
func Decode(text []byte, target any) error {
	if !utf8.Valid(text) {
		return Fail(CodeBadRequest, "the document is not UTF-8")
	}
	if err := checkShape(text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, target); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			return Fail(CodeBadRequest, "%s is a JSON %s, which does not fit", fieldName(wrongType), wrongType.Value)
		}
		var failure *Failure
		if errors.As(err, &failure) {
			return failure
		}
		return Fail(CodeBadRequest, "the document is not valid JSON: %v", err)
	}
	return nil
}

// fieldName leaves out what the decoder says of embedded structures: all names on the wire are in lower case.
func fieldName(err *json.UnmarshalTypeError) string {
	name := err.Field
	for name != "" && unicode.IsUpper(rune(name[0])) {
		_, name, _ = strings.Cut(name, ".")
	}
	if name == "" {
		return "the document"
	}
	return name
}

// checkShape walks the text once, without recursion.
func checkShape(text []byte) error {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
			if depth > depthMax {
				return Fail(CodeBadRequest, "the document is nested more than %d deep", depthMax)
			}
		case '}', ']':
			depth--
		case '"':
			end, err := skipString(text, i+1)
			if err != nil {
				return err
			}
			i = end
		}
	}
	return nil
}

// skipString answers the index of the closing quote of the string starting at i.
func skipString(text []byte, i int) (int, error) {
	for i < len(text) && text[i] != '"' {
		if text[i] != '\\' {
			i++
			continue
		}
		unit, isEscape := unicodeEscape(text[i:])
		if !isEscape || !utf16.IsSurrogate(unit) {
			i += 2
			continue
		}
		low, isPair := rune(0), false
		if len(text) > i+6 {
			low, isPair = unicodeEscape(text[i+6:])
		}
		if !isPair || utf16.DecodeRune(unit, low) == utf8.RuneError {
			return 0, Fail(CodeBadRequest, "the document escapes half of a surrogate pair; carry such bytes as base64")
		}
		i += 12
	}
	return i, nil
}

// unicodeEscape reads \uXXXX at the start of text.
func unicodeEscape(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, digit := range text[2:6] {
		switch {
		case digit >= '0' && digit <= '9':
			unit = unit<<4 | rune(digit-'0')
		case digit >= 'a' && digit <= 'f':
			unit = unit<<4 | rune(digit-'a'+10)
		case digit >= 'A' && digit <= 'F':
			unit = unit<<4 | rune(digit-'A'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}
