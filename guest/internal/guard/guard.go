// Package guard is the parent of a machine that outlives whoever started it. It
// ends the machine when its time is over, when its directory is gone, and when
// nobody has looked after it for too long, even if no pyro ever runs again.
package guard

import (
	"errors"
	"flag"
	"os"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

// Argument makes the program guard a machine instead of being an agent.
const Argument = "--guard"

const (
	// lookInterval is the time between two looks at what nobody tells us.
	lookInterval = 10 * time.Second
	// endGrace is how long the machine may take to end by itself.
	endGrace = 5 * time.Second
	// endedByGuard is the exit status of coreutils' timeout.
	endedByGuard = 124
)

// options are what a machine is guarded by.
type options struct {
	// time to live; 0 for no end.
	ttl time.Duration
	// place ends the machine with its own end; empty for none.
	place string
	// lock is held by whoever looks after the machine; empty where nobody need.
	lock string
	// unattendedMax is how long nobody may hold the lock.
	unattendedMax time.Duration
	// word is the file in which the reason of an end is left; empty for none.
	word     string
	uid, gid int
	command  []string
}

// Run starts the command that follows the options and returns with its exit status.
func Run(arguments []string) int {
	// The machine dies with the thread that started it.
	runtime.LockOSThread()
	wanted, err := parse(arguments)
	if err != nil {
		console.Say("guard: %v", err)
		return 2
	}
	machine, err := wanted.start()
	if err != nil {
		console.Say("guard: %v", err)
		return 1
	}
	return wanted.watch(machine)
}

func parse(arguments []string) (*options, error) {
	wanted := &options{}
	flags := flag.NewFlagSet("guard", flag.ContinueOnError)
	ttl := flags.Int64("ttl-seconds", 0, "ends the machine after that time")
	unattended := flags.Int64("unattended-seconds", 0, "how long nobody may hold the lock")
	flags.StringVar(&wanted.place, "place", "", "ends the machine when it is gone")
	flags.StringVar(&wanted.lock, "lock", "", "held by whoever looks after the machine")
	flags.StringVar(&wanted.word, "word", "", "where the reason of an end is left")
	flags.IntVar(&wanted.uid, "uid", -1, "of the command")
	flags.IntVar(&wanted.gid, "gid", -1, "of the command")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	wanted.ttl = time.Duration(*ttl) * time.Second
	wanted.unattendedMax = time.Duration(*unattended) * time.Second
	wanted.command = flags.Args()
	if len(wanted.command) == 0 || (wanted.lock != "" && wanted.unattendedMax <= 0) {
		return nil, errors.New("nothing to guard, or no time for it")
	}
	return wanted, nil
}

// watch returns once the machine has ended, by itself or by us.
func (o *options) watch(machine *machine) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT)
	look := newLook(o)
	timer := time.NewTimer(look.next())
	defer timer.Stop()
	for {
		select {
		case status := <-machine.ended:
			return status
		case <-signals:
			machine.signal(unix.SIGTERM)
		case <-timer.C:
			if reason := look.reasonToEnd(); reason != "" {
				o.leaveWord(reason)
				machine.end()
				return endedByGuard
			}
			timer.Reset(look.next())
		}
	}
}

// leaveWord tells whoever comes next; without room for it, the machine is gone all the same.
func (o *options) leaveWord(reason string) {
	if o.word != "" {
		_ = os.WriteFile(o.word, []byte(reason+"\n"), 0o600)
	}
}
