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
	// root is the directory of all standbys where the machine begins as one; else empty.
	root string
	// idleMax is how long nobody may claim it, pins are files that must stay as they are meanwhile, and the
	// floors what the host must have left, in bytes.
	idleMax                time.Duration
	pins                   []string
	memoryFloor, diskFloor uint64
	// former is the directory in which it was a standby, of which it has taken what it needs; else empty.
	former string
}

// Run starts the command that follows the options and returns with its exit status.
func Run(arguments []string) int {
	// The machine dies with the thread that started it.
	runtime.LockOSThread()
	wanted := &options{}
	err := wanted.parse(arguments)
	if err == nil && len(wanted.command) == 0 {
		err = errors.New("nothing to guard")
	}
	if err != nil {
		console.Say("guard: %v", err)
		return 2
	}
	status, err := wanted.run()
	if err != nil {
		console.Say("guard: %v", err)
		return 1
	}
	return status
}

func (o *options) parse(arguments []string) error {
	flags := flag.NewFlagSet("guard", flag.ContinueOnError)
	ttl := flags.Int64("ttl-seconds", 0, "ends the machine after that time")
	unattended := flags.Int64("unattended-seconds", 0, "how long nobody may hold the lock")
	idle := flags.Int64("idle-seconds", 0, "how long nobody may claim a standby")
	flags.StringVar(&o.place, "place", "", "ends the machine when it is gone")
	flags.StringVar(&o.lock, "lock", "", "held by whoever looks after the machine")
	flags.StringVar(&o.word, "word", "", "where the reason of an end is left")
	flags.IntVar(&o.uid, "uid", -1, "of the command")
	flags.IntVar(&o.gid, "gid", -1, "of the command")
	flags.StringVar(&o.root, "standby", "", "the directory of all standbys, for one of them")
	flags.Uint64Var(&o.memoryFloor, "memory-floor", 0, "bytes that the host must have left for a standby")
	flags.Uint64Var(&o.diskFloor, "disk-floor", 0, "the same of its disk")
	flags.StringVar(&o.former, "former", "", "what is left of the standby that it was")
	flags.Func("pin", "a file that a standby cannot do without", func(path string) error {
		o.pins = append(o.pins, path)
		return nil
	})
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	o.ttl = time.Duration(*ttl) * time.Second
	o.unattendedMax = time.Duration(*unattended) * time.Second
	o.idleMax = time.Duration(*idle) * time.Second
	o.command = flags.Args()
	if (o.lock != "" && o.unattendedMax <= 0) || (o.root != "" && o.idleMax <= 0) {
		return errors.New("no time for it")
	}
	return nil
}

// run returns once the machine has ended, by itself or by us.
func (o *options) run() (int, error) {
	var waiting *standby
	if o.root != "" {
		var err error
		if waiting, err = newStandby(o); err != nil {
			return 0, err
		}
	}
	machine, err := o.start()
	if err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT)
	if waiting == nil {
		return o.watch(machine, signals), nil
	}
	status, terms := waiting.watch(machine, signals)
	if terms == nil {
		return status, nil
	}
	return terms.watch(machine, signals), nil
}

// watch guards a machine that is somebody's.
func (o *options) watch(machine *machine, signals <-chan os.Signal) int {
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
