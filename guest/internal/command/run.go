package command

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/spawn"
)

// leftoverGrace is how long processes the command left behind may take to end
// before they count as meant to stay.
const leftoverGrace = 100 * time.Millisecond

// Run runs a command to its last frame. The context ends when the client goes
// away; body is standard input. Its error is about the agent, not the command:
// nothing was written then.
func Run(ctx context.Context, walls Walls, defaults Defaults, request *protocol.ExecRequest, body io.ReadCloser, outputs Outputs) error {
	began := time.Now()
	group, err := walls.NewGroup(outputs.label())
	if err != nil {
		return err
	}
	defer group.Release()
	ends, err := openPipes(!request.NoStdin)
	if err != nil {
		return err
	}
	command := defaults.Command(&request.Program)
	command.Files = ends.childEnds
	process, refusal := walls.Start(command, group)
	out := &frames{writer: outputs.Frames}
	if refusal != nil {
		ends.close()
		out.writeLast(protocol.JSONFrame(protocol.FrameEnd, protocol.End{
			NotStarted: refusal.Reason,
			Message:    refusal.Message,
			DurationMs: time.Since(began).Milliseconds(),
		}))
		return nil
	}
	// Those of the outputs stay until the command has ended: otherwise it would wake the agent by closing each of
	// them, and once more by ending, and every switch between the two is felt.
	ends.closeChildInput()
	defer ends.closeChildEnds()
	out.writeSoon(protocol.JSONFrame(protocol.FrameStarted, protocol.Started{PID: process.InnerPID}))
	stdin := startInput(body, ends.stdin)
	carried := outputs.start(ends.outputs, out)

	running := &running{process: process, group: group, grace: request.KillGrace()}
	end := running.await(ctx, request.Timeout())
	ends.closeChildEnds()
	stdin.stop()
	end.BackgroundProcessCount = awaitLeftovers(ctx, group, carried)
	end.DurationMs = time.Since(began).Milliseconds()
	out.writeLast(protocol.JSONFrame(protocol.FrameEnd, end))
	return nil
}

// awaitLeftovers waits for the end of both outputs and of everything the command
// started, and counts the processes that stay beyond the grace. They keep their
// output, which is late from then on.
func awaitLeftovers(ctx context.Context, group Group, carried *carrying) int {
	deadline := time.Now().Add(leftoverGrace)
	grace := time.NewTimer(leftoverGrace)
	defer grace.Stop()
	select {
	case <-carried.done:
	case <-grace.C:
		carried.leave()
	case <-ctx.Done():
		carried.leave()
	}
	<-carried.done
	if group.AwaitEmpty(time.Until(deadline)) {
		return 0
	}
	return group.ProcessCount()
}

// running is a started command on its way to its end.
type running struct {
	process  *spawn.Process
	group    Group
	grace    time.Duration
	timedOut atomic.Bool
}

// await returns once the command itself has ended, and, where it was ended by
// force, everything it started as well.
func (r *running) await(ctx context.Context, timeout time.Duration) protocol.End {
	exited := make(chan struct{})
	forced := make(chan struct{})
	go func() {
		defer close(forced)
		if r.mustEnd(ctx, timeout, exited) {
			r.endAll()
		}
	}()
	exit, err := r.process.Wait()
	close(exited)
	<-forced
	end := protocol.End{TimedOut: r.timedOut.Load()}
	switch {
	case err != nil:
		end.NotStarted, end.Message = protocol.StartFailed, "the command was lost: "+err.Error()
	case exit.Signal != "":
		end.Signal = exit.Signal
	default:
		end.ExitCode = &exit.Code
	}
	if end.Signal != "" || exit.Code != 0 {
		end.OOMKilled = r.group.OOMKilled()
	}
	return end
}

// mustEnd waits for the command's end, its time limit or its client's leaving.
func (r *running) mustEnd(ctx context.Context, timeout time.Duration, exited <-chan struct{}) bool {
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-exited:
		return false
	case <-expired:
		r.timedOut.Store(true)
		return true
	case <-ctx.Done():
		return true
	}
}

// endAll gives every process the grace to end by itself.
func (r *running) endAll() {
	r.group.Terminate()
	if r.group.AwaitEmpty(r.grace) {
		return
	}
	r.group.Kill()
	r.group.AwaitEmpty(killedMax)
}

// killedMax is how long killed processes may take to be gone: thousands of them
// on one busy processor need a while, one stuck in the kernel never goes.
const killedMax = 10 * time.Second
