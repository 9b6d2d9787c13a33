package protocol

import (
	"encoding/base64"
	"encoding/json"
)

// Text is bytes the system takes as they are: a JSON string, or
// {"base64":"…"} where the bytes are not UTF-8.
type Text string

// UnmarshalJSON accepts either form.
func (t *Text) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		var plain string
		if err := json.Unmarshal(raw, &plain); err != nil {
			return err
		}
		*t = Text(plain)
		return nil
	}
	var carried struct {
		Base64 *string `json:"base64"`
	}
	if err := json.Unmarshal(raw, &carried); err != nil || carried.Base64 == nil {
		return Fail(CodeBadRequest, `%.40s is neither a string nor {"base64":"…"}`, raw)
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(*carried.Base64)
	if err != nil {
		return Fail(CodeBadRequest, "%.40q is not base64", *carried.Base64)
	}
	*t = Text(decoded)
	return nil
}
