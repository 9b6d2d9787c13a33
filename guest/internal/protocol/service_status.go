package protocol

// ServiceState is where a service is in its life.
type ServiceState string

const (
	// ServiceStarting runs and is not ready yet.
	ServiceStarting ServiceState = "starting"
	// ServiceRunning is ready.
	ServiceRunning ServiceState = "running"
	// ServiceRestarting ended by itself and waits to be started again.
	ServiceRestarting ServiceState = "restarting"
	// ServiceStopping was asked to end.
	ServiceStopping ServiceState = "stopping"
	// ServiceStopped ended because it was asked to.
	ServiceStopped ServiceState = "stopped"
	// ServiceExited ended by itself with 0.
	ServiceExited ServiceState = "exited"
	// ServiceFailed ended by itself otherwise, was not ready in time, or never started.
	ServiceFailed ServiceState = "failed"
)

// IsOver tells whether a service has ended for good.
func (s ServiceState) IsOver() bool {
	return s == ServiceStopped || s == ServiceExited || s == ServiceFailed
}

// ServiceStatus is what the agent knows of a service.
type ServiceStatus struct {
	Name  string       `json:"name"`
	State ServiceState `json:"state"`
	// Run tells one start of a name from the next; a restart by policy is the same run.
	Run int64 `json:"run"`
	// Change grows with everything that is told here, and is no other service's.
	Change int64 `json:"change"`
	// PID among the workspace's processes, while it runs.
	PID          int   `json:"pid,omitempty"`
	StartedAtMs  int64 `json:"started_at_ms,omitempty"`
	ReadyAtMs    int64 `json:"ready_at_ms,omitempty"`
	EndedAtMs    int64 `json:"ended_at_ms,omitempty"`
	RestartCount int64 `json:"restart_count"`
	// ExitCode, Signal and OOMKilled are of the end that came last.
	ExitCode   *int             `json:"exit_code,omitempty"`
	Signal     string           `json:"signal,omitempty"`
	OOMKilled  bool             `json:"oom_killed,omitempty"`
	NotStarted NotStartedReason `json:"not_started,omitempty"`
	// Message says why it is in this state, where that needs saying.
	Message string `json:"message,omitempty"`
	// TimedOut says that it was ended because it was not ready in time.
	TimedOut bool `json:"timed_out,omitempty"`
	// LastProbe is what the last look at its readiness saw.
	LastProbe string `json:"last_probe,omitempty"`
}

// ServiceList has every service, or those that changed.
type ServiceList struct {
	Services []ServiceStatus `json:"services"`
}

// LogEnd is the last frame of a log.
type LogEnd struct {
	// FirstCursor is where what is kept begins.
	FirstCursor int64 `json:"first_cursor"`
	// NextCursor is where to read on.
	NextCursor int64 `json:"next_cursor"`
}
