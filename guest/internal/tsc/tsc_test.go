package tsc

import "testing"

func TestMeasureIsARealProcessorAndRepeats(t *testing.T) {
	first, second := measureKhz(), measureKhz()
	if first < 500_000 || first > 10_000_000 {
		t.Fatalf("measured %d kHz, which no processor counts at", first)
	}
	difference := int64(first) - int64(second)
	if difference*difference > int64(first/200)*int64(first/200) {
		t.Fatalf("measured %d kHz and then %d kHz: more than half a percent apart", first, second)
	}
}
