package protocol

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	probeTextBytesMax    = 4096
	readyTimeoutDefault  = 30 * time.Second
	readyIntervalDefault = 500 * time.Millisecond
	readyIntervalMsMin   = 10
	stopGraceDefault     = 10 * time.Second
)

// RestartPolicy says what becomes of a service that ends by itself.
type RestartPolicy string

const (
	RestartNo        RestartPolicy = "no"
	RestartOnFailure RestartPolicy = "on-failure"
)

// ServiceRequest is one service to start.
type ServiceRequest struct {
	Name string `json:"name"`
	Program
	// Readiness absent means that the service is ready once it runs.
	Readiness       *Readiness    `json:"readiness"`
	ReadyTimeoutMs  *int64        `json:"ready_timeout_ms"`
	ReadyIntervalMs *int64        `json:"ready_interval_ms"`
	StopGraceMs     *int64        `json:"stop_grace_ms"`
	Restart         RestartPolicy `json:"restart"`
	// KeepLog goes on with the log of the service of that name that was there before.
	KeepLog bool `json:"keep_log"`
}

// Readiness is how a service shows that it is ready: one of these.
type Readiness struct {
	// File that exists; relative to the service's directory.
	File Text `json:"file"`
	// TCP is HOST:PORT of the guest itself.
	TCP string `json:"tcp"`
	// HTTP is a URL of the guest itself that answers with 200 to 399.
	HTTP string `json:"http"`
	// Command that ends with 0.
	Command []Text `json:"command"`
	// Log is what a line that the service writes contains.
	Log string `json:"log"`
}

// ReadServiceRequest checks every value.
func ReadServiceRequest(text []byte) (*ServiceRequest, error) {
	request := &ServiceRequest{}
	if err := Decode(text, request); err != nil {
		return nil, err
	}
	if err := CheckServiceName(request.Name); err != nil {
		return nil, err
	}
	if err := request.Program.check(); err != nil {
		return nil, err
	}
	if err := request.Readiness.check(); err != nil {
		return nil, err
	}
	if request.Restart == "" {
		request.Restart = RestartNo
	}
	if request.Restart != RestartNo && request.Restart != RestartOnFailure {
		return nil, Fail(CodeBadRequest, "restart is %.40q, not no or on-failure", string(request.Restart))
	}
	for _, time := range []struct {
		field string
		ms    *int64
		least int64
	}{
		{"ready_timeout_ms", request.ReadyTimeoutMs, 1},
		{"ready_interval_ms", request.ReadyIntervalMs, readyIntervalMsMin},
		{"stop_grace_ms", request.StopGraceMs, 0},
	} {
		if time.ms != nil && (*time.ms < time.least || *time.ms > timeMsMax) {
			return nil, Fail(CodeBadRequest, "%s is %d, not in %d to %d", time.field, *time.ms, time.least, int64(timeMsMax))
		}
	}
	return request, nil
}

// ReadyTimeout bounds the time from the start until the service is ready.
func (r *ServiceRequest) ReadyTimeout() time.Duration {
	return orDefault(r.ReadyTimeoutMs, readyTimeoutDefault)
}

// ReadyInterval is between two looks.
func (r *ServiceRequest) ReadyInterval() time.Duration {
	return orDefault(r.ReadyIntervalMs, readyIntervalDefault)
}

// StopGrace is the time between TERM and KILL.
func (r *ServiceRequest) StopGrace() time.Duration {
	return orDefault(r.StopGraceMs, stopGraceDefault)
}

func orDefault(ms *int64, fallback time.Duration) time.Duration {
	if ms == nil {
		return fallback
	}
	return time.Duration(*ms) * time.Millisecond
}

var serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CheckServiceName refuses what could not be a file's name as well.
func CheckServiceName(name string) error {
	if serviceName.MatchString(name) {
		return nil
	}
	return Fail(CodeBadRequest, "name is %.80q, not 1 to 63 letters, digits, dots, dashes and underscores that begin with a letter or a digit", name)
}

func (r *Readiness) check() error {
	if r == nil {
		return nil
	}
	given := 0
	for _, isGiven := range []bool{r.File != "", r.TCP != "", r.HTTP != "", len(r.Command) > 0, r.Log != ""} {
		if isGiven {
			given++
		}
	}
	if given != 1 {
		return Fail(CodeBadRequest, "readiness has %d of file, tcp, http, command and log, not one", given)
	}
	if len(r.TCP) > probeTextBytesMax || len(r.HTTP) > probeTextBytesMax || len(r.Log) > probeTextBytesMax {
		return Fail(CodeBadRequest, "readiness has more than %d bytes", probeTextBytesMax)
	}
	switch {
	case r.TCP != "" || r.HTTP != "":
		_, err := r.Port()
		return err
	case r.Log != "" && strings.ContainsAny(r.Log, "\n\r"):
		return Fail(CodeBadRequest, "readiness.log has more than one line")
	case len(r.Command) > 0:
		return checkCommand(r.Command)
	}
	return checkPath("readiness.file", string(r.File))
}

// Port is where a TCP or HTTP probe connects to: always a port of this machine.
func (r *Readiness) Port() (uint16, error) {
	if r.TCP != "" {
		host, text, err := net.SplitHostPort(r.TCP)
		port, isPort := parsePort(text)
		if err != nil || !isOwnHost(host) || !isPort {
			return 0, Fail(CodeBadRequest, "readiness.tcp is %.80q, not HOST:PORT with localhost, 127.0.0.1, ::1 or 0.0.0.0", r.TCP)
		}
		return port, nil
	}
	target, err := url.Parse(r.HTTP)
	if err != nil || portsOfSchemes[target.Scheme] == "" || target.User != nil || !isOwnHost(target.Hostname()) {
		return 0, Fail(CodeBadRequest, "readiness.http is %.80q, not an http URL on localhost, 127.0.0.1, ::1 or 0.0.0.0", r.HTTP)
	}
	text := target.Port()
	if text == "" {
		text = portsOfSchemes[target.Scheme]
	}
	port, isPort := parsePort(text)
	if !isPort {
		return 0, Fail(CodeBadRequest, "readiness.http is %.80q, whose port is not in 1 to 65535", r.HTTP)
	}
	return port, nil
}

var portsOfSchemes = map[string]string{"http": "80", "https": "443"}

func isOwnHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Zone() == "" && (address.IsLoopback() || address.IsUnspecified())
}

func parsePort(text string) (uint16, bool) {
	port, err := strconv.ParseUint(text, 10, 16)
	return uint16(port), err == nil && port > 0
}
