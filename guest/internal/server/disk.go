package server

import (
	"encoding/json"
	"net/http"

	"pyro.dev/guest/internal/protocol"
)

// diskOpen is instead of an activation: what is on the disk is looked at, and none of it runs.
func (s *Server) diskOpen(response http.ResponseWriter, request *http.Request) error {
	if s.backend.OpenDisk == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine looks at no disks")
	}
	wanted := &protocol.DiskOpenRequest{}
	if err := protocol.ReadDocument(request.Body, wanted); err != nil {
		return err
	}
	if !s.phase.CompareAndSwap(phaseWaiting, phaseActivating) {
		return protocol.Fail(protocol.CodeConflict, "the machine was activated, or opened a disk, before")
	}
	opened, err := s.backend.OpenDisk(wanted)
	if err != nil || !opened.Opened {
		s.phase.Store(phaseFailed)
	} else {
		s.phase.Store(phaseLooking)
	}
	if err == nil {
		answer(response, opened)
	}
	return err
}

// diskExport has one document a line; what fails is told in the last, because the answer began long before.
func (s *Server) diskExport(response http.ResponseWriter, request *http.Request) error {
	if s.backend.ExportDisk == nil {
		return protocol.Fail(protocol.CodeUnsupported, "this machine looks at no disks")
	}
	if s.phase.Load() != phaseLooking {
		return protocol.Fail(protocol.CodeNotActivated, "the machine has opened no disk")
	}
	response.Header().Set("content-type", "application/x-ndjson")
	controller := http.NewResponseController(response)
	report := func(copied protocol.DiskCopied) {
		text, err := json.Marshal(copied)
		if err != nil {
			panic("server: unmarshalable answer: " + err.Error())
		}
		// A reader that leaves ends the copying.
		_, _ = response.Write(append(text, '\n'))
		_ = controller.Flush()
	}
	copied, err := s.backend.ExportDisk(request.Context(), report)
	if err != nil {
		copied.Error = protocol.AsFailure(err)
	} else {
		copied.Done = true
	}
	report(copied)
	return nil
}
