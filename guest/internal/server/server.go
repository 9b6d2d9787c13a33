// Package server answers the host's requests.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/egress"
	"pyro.dev/guest/internal/layer"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/service"
	"pyro.dev/guest/internal/shell"
	"pyro.dev/guest/internal/tree"
)

// Limits of the connection. A stream's window is what one stalled request may
// keep in memory; the connection's is large enough that many of those do not
// hold up the others.
const (
	streamsMax            = 1024
	streamWindowBytes     = 256 << 10
	connectionWindowBytes = 32 << 20
	frameBytesMax         = 64 << 10
	requestHeaderBytesMax = 16 << 10
	powerOffAnswerMax     = 250 * time.Millisecond
	powerOffTail          = 20 * time.Millisecond
)

// Backend is what a machine of one mode can do; a nil function means that it cannot.
type Backend struct {
	Walls command.Walls
	// Root answers a descriptor of what commands have as their root.
	Root func() (int, error)
	// ServiceLogs answers some of the directories that logs of services are in; see [service.Places].
	ServiceLogs func() ([]int, error)
	// Activate is called at most once.
	Activate func(*protocol.ActivateRequest) error
	// Renew gives an activated machine another identity.
	Renew func(*protocol.Identity) error
	// CorrectClock follows the host's clock, in nanoseconds.
	CorrectClock func(int64) error
	Warm         func(context.Context, [][]string) (failedCount int, err error)
	Builder      *layer.Builder
	// Tree answers the workspace's tree, which the caller releases; called once the machine is activated or has opened a disk.
	Tree func() (*tree.Tree, error)
	// OpenDisk mounts the disk of a machine that does not run, for Tree and ExportDisk; called at most once, and never with Activate.
	OpenDisk func(*protocol.DiskOpenRequest) (protocol.DiskOpened, error)
	// ExportDisk copies the root that OpenDisk opened to another disk, and tells how far it came.
	ExportDisk func(context.Context, func(protocol.DiskCopied)) (protocol.DiskCopied, error)
	// CanFreeze says that the tree is on a disk of the machine's own.
	CanFreeze bool
	// HoldSecrets puts these, and no others, where commands can read them, after logs have moved off the disk.
	HoldSecrets func(secrets []protocol.Secret, moveLogs func() error) error
	// Trust makes programs trust a certificate beside others, and answers what they get in their environments for it.
	Trust func(*protocol.TrustRequest) (environment []string, needsRoots bool, err error)
	// Egress is the machine's way out.
	Egress *egress.Egress
	// Stop ends the workload and leaves the disks clean.
	Stop func() error
	// PowerOff does not return in a machine.
	PowerOff func()
}

// Server holds the state between requests.
type Server struct {
	backend  Backend
	started  time.Time
	phase    atomic.Int32
	defaults atomic.Pointer[command.Defaults]
	stopping atomic.Bool
	// heldSecrets stays once the machine was given one: its memory must not be copied.
	heldSecrets atomic.Bool
	commands    sync.WaitGroup
	// services is nil in a machine that runs no commands.
	services *service.Services
	late     *command.Late
	work     *work
	frozen   atomic.Bool
	shells   *shell.Shells
}

// The phases of a machine's one activation.
const (
	phaseWaiting int32 = iota
	phaseActivating
	phaseActivated
	phaseFailed
	// phaseLooking is that of a machine that opened the disk of another.
	phaseLooking
)

// New makes a server; started is the machine's, for its age.
func New(backend Backend, started time.Time) *Server {
	made := &Server{backend: backend, started: started, late: command.NewLate(), work: newWork(), shells: shell.New(backend.Walls)}
	if backend.Walls != nil {
		made.services = service.New(service.Places{Walls: backend.Walls, Root: backend.Root, Logs: backend.ServiceLogs})
	}
	return made
}

// Serve answers until the listener ends.
func (s *Server) Serve(listener net.Listener) error {
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler:        s.routes(),
		Protocols:      protocols,
		MaxHeaderBytes: requestHeaderBytesMax,
		ConnContext:    withConnection,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          streamsMax,
			MaxReadFrameSize:              frameBytesMax,
			MaxReceiveBufferPerStream:     streamWindowBytes,
			MaxReceiveBufferPerConnection: connectionWindowBytes,
		},
		ErrorLog: log.New(consoleWriter{}, "", 0),
	}
	err := server.Serve(listener)
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// HangUp tells shells that the machine, or the agent, is on its way to its end.
func (s *Server) HangUp() { s.shells.HangUp() }

// AwaitCommands waits for commands that are on their way to their end.
func (s *Server) AwaitCommands() { s.commands.Wait() }

func (s *Server) routes() http.Handler {
	routes := map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /v1/health":             s.health,
		"POST /v1/activate":          s.activate,
		"POST /v1/renew":             s.renew,
		"POST /v1/clock":             s.clock,
		"POST /v1/secrets":           s.secrets,
		"POST /v1/trust":             s.trust,
		"POST /v1/exec":              s.exec,
		"GET /v1/late-output":        s.lateOutput,
		"POST /v1/service/start":     s.serviceStart,
		"POST /v1/service/stop":      s.serviceStop,
		"GET /v1/service/await":      s.serviceAwait,
		"GET /v1/service/list":       s.serviceList,
		"GET /v1/service/watch":      s.serviceWatch,
		"GET /v1/service/logs":       s.serviceLogs,
		"POST /v1/shell/open":        s.shellOpen,
		"GET /v1/shell/list":         s.shellList,
		"GET /v1/shell/status":       s.shellStatus,
		"GET /v1/shell/output":       s.shellOutput,
		"POST /v1/shell/input":       s.shellInput,
		"POST /v1/shell/resize":      s.shellResize,
		"POST /v1/shell/signal":      s.shellSignal,
		"POST /v1/shell/close":       s.shellClose,
		"POST /v1/forward":           s.forward,
		"POST /v1/egress":            s.egress,
		"POST /v1/egress/connection": s.egressConnection,
		"POST /v1/warm":              s.warm,
		"POST /v1/sync":              s.sync,
		"GET /v1/tree/scan":          s.treeScan,
		"GET /v1/tree/archive":       s.treeArchive,
		"POST /v1/tree/archive":      s.treeArchive,
		"GET /v1/tree/read":          s.treeRead,
		"POST /v1/tree/extract":      s.treeExtract,
		"POST /v1/tree/adopt":        s.treeAdopt,
		"POST /v1/tree/write":        s.treeWrite,
		"POST /v1/tree/edit":         s.treeEdit,
		"POST /v1/tree/mark":         s.treeMark,
		"POST /v1/disk/open":         s.diskOpen,
		"POST /v1/disk/export":       s.diskExport,
		"POST /v1/freeze":            s.freeze,
		"POST /v1/power-off":         s.powerOff,
		"POST /v1/build/layer":       s.buildLayer,
		"POST /v1/build/finish":      s.buildFinish,
	}
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set(protocol.VersionHeader, strconv.Itoa(protocol.Version))
		// Nobody reads the date, and making it is a thousand instructions.
		response.Header()["Date"] = nil
		handle, found := routes[request.Method+" "+request.URL.Path]
		if !found {
			refuse(response, protocol.Fail(protocol.CodeNotFound, "there is no %.20s %.200s", request.Method, request.URL.Path))
			return
		}
		if err := handle(response, request); err != nil {
			refuse(response, err)
		}
	})
}

func refuse(response http.ResponseWriter, err error) {
	failure := protocol.AsFailure(err)
	answerStatus(response, failure.Status(), struct {
		Error *protocol.Failure `json:"error"`
	}{failure})
}

func answer(response http.ResponseWriter, value any) {
	answerStatus(response, http.StatusOK, value)
}

func answerStatus(response http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic("server: unmarshalable answer: " + err.Error())
	}
	response.Header().Set("content-type", "application/json")
	response.Header().Set("content-length", strconv.Itoa(len(body)))
	response.WriteHeader(status)
	_, _ = response.Write(body)
}

// consoleWriter takes the library's own complaints.
type consoleWriter struct{}

func (consoleWriter) Write(line []byte) (int, error) {
	console.Say("%s", line)
	return len(line), nil
}
