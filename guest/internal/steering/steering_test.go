package steering

import (
	"testing"
)

func TestOpen(t *testing.T) {
	s, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	_ = s
}
