package server

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"

	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/service"
)

// serviceBytesMax bounds the document that begins a service, which may hold a command.
const serviceBytesMax = 4 << 20

// requireServices is for whatever needs an activated machine that runs commands.
func (s *Server) requireServices() (*service.Services, error) {
	if s.services == nil {
		return nil, protocol.Fail(protocol.CodeUnsupported, "this machine builds images and runs no services")
	}
	if s.phase.Load() != phaseActivated {
		return nil, protocol.Fail(protocol.CodeNotActivated, "the machine is not activated")
	}
	return s.services, nil
}

func (s *Server) serviceStart(response http.ResponseWriter, request *http.Request) error {
	services, err := s.requireServices()
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(request.Body, serviceBytesMax+1))
	if err != nil {
		return protocol.Fail(protocol.CodeBadRequest, "the request body broke off: %v", err)
	}
	if len(text) > serviceBytesMax {
		return protocol.Fail(protocol.CodeLimitExceeded, "the document has more than %d bytes", serviceBytesMax)
	}
	wanted, err := protocol.ReadServiceRequest(text)
	if err != nil {
		return err
	}
	status, err := services.Start(*s.defaults.Load(), wanted)
	if err != nil {
		return err
	}
	answer(response, status)
	return nil
}

func (s *Server) serviceAwait(response http.ResponseWriter, request *http.Request) error {
	return s.withService(response, request, (*service.Services).Await)
}

func (s *Server) serviceStop(response http.ResponseWriter, request *http.Request) error {
	return s.withService(response, request, (*service.Services).Stop)
}

func (s *Server) withService(
	response http.ResponseWriter, request *http.Request,
	do func(*service.Services, context.Context, string) (protocol.ServiceStatus, error),
) error {
	services, err := s.requireServices()
	if err != nil {
		return err
	}
	query := readQuery(request)
	name := query.serviceName()
	if query.err != nil {
		return query.err
	}
	status, err := do(services, request.Context(), name)
	if err != nil {
		return err
	}
	answer(response, status)
	return nil
}

func (s *Server) serviceList(response http.ResponseWriter, _ *http.Request) error {
	services, err := s.requireServices()
	if err != nil {
		return err
	}
	answer(response, services.List())
	return nil
}

// serviceWatch has one document a line.
func (s *Server) serviceWatch(response http.ResponseWriter, request *http.Request) error {
	services, err := s.requireServices()
	if err != nil {
		return err
	}
	response.Header().Set("content-type", "application/x-ndjson")
	controller := http.NewResponseController(response)
	// A reader that leaves ends it, and there is nobody to tell.
	_ = services.Watch(request.Context(), func(list protocol.ServiceList) error {
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if _, err := response.Write(append(text, '\n')); err != nil {
			return err
		}
		return controller.Flush()
	})
	return nil
}

func (s *Server) serviceLogs(response http.ResponseWriter, request *http.Request) error {
	services, err := s.requireServices()
	if err != nil {
		return err
	}
	query := readQuery(request)
	name := query.serviceName()
	wanted := service.LogQuery{
		Cursor:    query.number("cursor", 0, 0),
		TailLines: query.number("tail_lines", 0, -1),
		SinceNs:   query.number("since_ns", 0, math.MinInt64),
	}
	if query.flag("follow") {
		wanted.IsLive = func() bool { return true }
	}
	if query.err != nil {
		return query.err
	}
	return stream(response, func(to io.Writer) error {
		writer := &logWriter{to: to, controller: http.NewResponseController(response)}
		end, err := services.ReadLog(request.Context(), name, wanted, writer.write)
		if err != nil {
			return err
		}
		_, err = to.Write(protocol.JSONFrame(protocol.FrameEnd, end))
		return err
	})
}

// logWriter makes records into frames.
type logWriter struct {
	to         io.Writer
	controller *http.ResponseController
	frame      []byte
}

func (w *logWriter) write(record service.Record) error {
	length := protocol.LogTimeBytes + len(record.Payload)
	w.frame = append(w.frame[:0], make([]byte, protocol.FrameHeaderBytes)...)
	protocol.PutFrameHeader(w.frame, record.Kind, length)
	w.frame = binary.BigEndian.AppendUint64(w.frame, uint64(record.TimeNs))
	w.frame = append(w.frame, record.Payload...)
	if _, err := w.to.Write(w.frame); err != nil {
		return err
	}
	if record.IsLast {
		return w.controller.Flush()
	}
	return nil
}

// serviceName is required.
func (q *query) serviceName() string {
	name := q.values.Get("name")
	if q.err == nil {
		q.err = protocol.CheckServiceName(name)
	}
	return name
}
