package service

import (
	"sync"
	"time"

	"pyro.dev/guest/internal/outputs"
)

const readBytesMax = 64 << 10

// buffers are held only while there is something to read: most services are silent most of the time.
var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, readBytesMax)
	return &buffer
}}

// carrying is a service's output on its way into its log.
type carrying struct {
	reader *outputs.Reader
	log    *Log
	// wanted is told of what comes; nil for nothing.
	wanted *lineWatch
	done   chan struct{}
}

func carry(reader *outputs.Reader, log *Log, wanted *lineWatch) *carrying {
	started := &carrying{reader: reader, log: log, wanted: wanted, done: make(chan struct{})}
	go func() {
		defer close(started.done)
		defer reader.Close()
		for reader.Await() {
			started.carryOnce()
		}
	}()
	return started
}

// await waits for the last of it, unless somebody holds an output for longer than the limit:
// what a service said is in the log before its end is told.
func (c *carrying) await(limit time.Duration) {
	select {
	case <-c.done:
	case <-time.After(limit):
		c.reader.Leave()
		<-c.done
	}
}

func (c *carrying) carryOnce() {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	from, n := c.reader.Read(*buffer)
	if n == 0 {
		return
	}
	c.log.Write(from.Kind, (*buffer)[:n])
	c.wanted.look(from.Kind, (*buffer)[:n])
	if c.reader.IsBusy() && n < readBytesMax {
		time.Sleep(outputs.GatherTime)
	}
}
