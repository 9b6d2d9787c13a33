// Package tsc measures the processor's time stamp counter against the clock. An
// emulated guest counts the host's ticks but cannot find out how many make a
// second: it has no second clock to compare with, so the host tells it.
package tsc

import (
	"fmt"
	"os"
	"slices"
	"time"
)

// Argument makes the program print the counter's rate instead of being an agent.
const Argument = "--measure-tsc"

const (
	windows = 5
	window  = 40 * time.Millisecond
)

func read() uint64

// Run prints the rate in kHz.
func Run() int {
	fmt.Fprintln(os.Stdout, measureKhz())
	return 0
}

// measureKhz answers the median of a few windows, so that one interruption in
// the middle of a reading does not count.
func measureKhz() uint64 {
	rates := make([]uint64, windows)
	for i := range rates {
		startTicks, startTime := read(), time.Now()
		time.Sleep(window)
		ticks, elapsed := read()-startTicks, time.Since(startTime)
		rates[i] = ticks * uint64(time.Millisecond) / uint64(elapsed)
	}
	slices.Sort(rates)
	return rates[windows/2]
}
