package protocol

import (
	"strings"
	"testing"
)

func TestSecretsAreCheckedAndNeverQuoted(t *testing.T) {
	const canary = "canary-value"
	refused := map[string]SecretsRequest{
		"path":      {[]Secret{{"../TOKEN", canary}}},
		"equals":    {[]Secret{{"A=B", canary}}},
		"nul":       {[]Secret{{"A\x00", canary}}},
		"digit":     {[]Secret{{"1A", canary}}},
		"empty":     {[]Secret{{"", canary}}},
		"long name": {[]Secret{{strings.Repeat("A", 128), canary}}},
		"twice":     {[]Secret{{"A", canary}, {"A", canary}}},
		"many":      {make([]Secret, 65)},
		"large":     {[]Secret{{"A", Text(strings.Repeat(canary, 30000))}}},
	}
	for name, request := range refused {
		err := request.Check()
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the refusal quotes the value: %v", name, err)
		}
	}
	good := SecretsRequest{[]Secret{{"TOKEN_1", "a\nb"}, {"_x", canary}}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}
