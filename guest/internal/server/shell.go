package server

import (
	"net/http"

	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/shell"
)

func (s *Server) shellOpen(response http.ResponseWriter, request *http.Request) error {
	defaults, err := s.commandDefaults()
	if err != nil {
		return err
	}
	wanted := &protocol.OpenShellRequest{}
	if err := protocol.ReadDocument(request.Body, wanted); err != nil {
		return err
	}
	if err := wanted.Check(); err != nil {
		return err
	}
	opened, refusal, err := s.shells.Open(defaults, wanted)
	if err != nil {
		return err
	}
	if refusal != nil {
		answer(response, protocol.ShellNotOpened{NotStarted: refusal.Reason, Message: refusal.Message})
		return nil
	}
	answer(response, opened.Describe())
	return nil
}

func (s *Server) shellList(response http.ResponseWriter, _ *http.Request) error {
	if _, err := s.commandDefaults(); err != nil {
		return err
	}
	answer(response, struct {
		Shells []protocol.Shell `json:"shells"`
	}{s.shells.List()})
	return nil
}

// findShell answers the shell that a request is about.
func (s *Server) findShell(query *query) (*shell.Shell, error) {
	if query.err != nil {
		return nil, query.err
	}
	if _, err := s.commandDefaults(); err != nil {
		return nil, err
	}
	return s.shells.Find(query.text("shell"))
}

func (s *Server) shellStatus(response http.ResponseWriter, request *http.Request) error {
	found, err := s.findShell(readQuery(request))
	if err != nil {
		return err
	}
	answer(response, found.Describe())
	return nil
}

func (s *Server) shellOutput(response http.ResponseWriter, request *http.Request) error {
	query := readQuery(request)
	reading := shell.Reading{
		From:     query.number("from", 0, 0),
		BytesMax: query.number("max", 1, 0),
		Follows:  query.flag("follow"),
		Attaches: query.flag("attach"),
	}
	found, err := s.findShell(query)
	if err != nil {
		return err
	}
	response.Header().Set("content-type", "application/octet-stream")
	// Its only error is that nobody listens any more.
	_ = found.Send(request.Context(), reading, newFrameWriter(response))
	return nil
}

func (s *Server) shellInput(response http.ResponseWriter, request *http.Request) error {
	found, err := s.findShell(readQuery(request))
	if err != nil {
		return err
	}
	taken, err := found.Type(request.Context(), request.Body)
	if err != nil {
		return err
	}
	answer(response, protocol.InputTaken{Bytes: taken})
	return nil
}

func (s *Server) shellResize(response http.ResponseWriter, request *http.Request) error {
	query := readQuery(request)
	size := protocol.TerminalSize{
		Columns: int(query.number("cols", 0, 0)),
		Rows:    int(query.number("rows", 0, 0)),
	}
	found, err := s.findShell(query)
	if err != nil {
		return err
	}
	if err := size.Check(); err != nil {
		return err
	}
	if err := found.Resize(size); err != nil {
		return err
	}
	answer(response, struct{}{})
	return nil
}

func (s *Server) shellSignal(response http.ResponseWriter, request *http.Request) error {
	query := readQuery(request)
	found, err := s.findShell(query)
	if err != nil {
		return err
	}
	if err := found.Signal(query.text("signal")); err != nil {
		return err
	}
	answer(response, struct{}{})
	return nil
}

func (s *Server) shellClose(response http.ResponseWriter, request *http.Request) error {
	query := readQuery(request)
	if _, err := s.findShell(query); err != nil {
		return err
	}
	closed, err := s.shells.Close(query.text("shell"))
	if err != nil {
		return err
	}
	answer(response, closed)
	return nil
}
