package server

import (
	"context"
	"io"
	"math"
	"net/http"
	"strconv"

	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/tree"
)

// streamed is an answer that is written as it is made. Once it began, an error can only break it off.
type streamed struct {
	http.ResponseWriter
	hasBegun bool
}

func (s *streamed) Write(bytes []byte) (int, error) {
	s.hasBegun = true
	return s.ResponseWriter.Write(bytes)
}

// stream lets write make the answer.
func stream(response http.ResponseWriter, write func(io.Writer) error) error {
	response.Header().Set("content-type", "application/octet-stream")
	to := &streamed{ResponseWriter: response}
	err := write(to)
	if err != nil && to.hasBegun {
		console.Say("an answer broke off: %v", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

func (s *Server) treeScan(response http.ResponseWriter, request *http.Request) error {
	query := readQuery(request)
	options := tree.ScanOptions{
		Path:     query.path(),
		Depth:    int(query.number("depth", 1, 0)),
		SinceNs:  query.number("since", math.MinInt64, 0),
		HasSince: query.values.Has("since"),
		Digest:   query.flag("digest"),
	}
	if query.err != nil {
		return query.err
	}
	return s.withTree(response, request, func(ctx context.Context, open *tree.Tree) error {
		return stream(response, func(to io.Writer) error { return open.Scan(ctx, options, to) })
	})
}

func (s *Server) treeArchive(response http.ResponseWriter, request *http.Request) error {
	query := readQuery(request)
	path, hasList := query.path(), query.flag("list")
	if query.err != nil {
		return query.err
	}
	var list io.Reader
	if hasList {
		if _, err := bodyLength(request); err != nil {
			return err
		}
		list = request.Body
	}
	return s.withTree(response, request, func(ctx context.Context, open *tree.Tree) error {
		return stream(response, func(to io.Writer) error { return open.Archive(ctx, path, list, to) })
	})
}

// bodyLength is that of a body whose own format does not tell where it ends: a client that gives up may end its
// request as if it were whole, and only a length tells the two apart. One that has more or less is broken off.
func bodyLength(request *http.Request) (int64, error) {
	if request.ContentLength < 0 {
		return 0, protocol.Fail(protocol.CodeBadRequest, "the request does not announce the length of its body")
	}
	return request.ContentLength, nil
}

func (s *Server) treeRead(response http.ResponseWriter, request *http.Request) error {
	query := readQuery(request)
	path := query.path()
	offset, limit := query.number("offset", 0, 0), query.number("max", 0, math.MaxInt64)
	if query.err != nil {
		return query.err
	}
	return s.withTree(response, request, func(ctx context.Context, open *tree.Tree) error {
		file, err := open.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		header := response.Header()
		header.Set("x-pyro-size", strconv.FormatInt(file.Size, 10))
		header.Set("x-pyro-mode", strconv.FormatUint(uint64(file.Mode), 8))
		return stream(response, func(to io.Writer) error { return file.Send(ctx, offset, limit, to) })
	})
}

func (s *Server) treeExtract(response http.ResponseWriter, request *http.Request) error {
	query := readQuery(request)
	path := query.path()
	if query.err != nil {
		return query.err
	}
	return s.withTree(response, request, func(ctx context.Context, open *tree.Tree) error {
		extracted, err := open.Extract(ctx, path, request.Body)
		return answerMarked(ctx, response, extracted, err)
	})
}

func (s *Server) treeAdopt(response http.ResponseWriter, request *http.Request) error {
	return s.withTree(response, request, func(ctx context.Context, open *tree.Tree) error {
		adopted, err := open.Adopt(ctx, request.Body)
		return answerMarked(ctx, response, adopted, err)
	})
}

// answerMarked tells what was done, and the mark that lies behind it.
func answerMarked(ctx context.Context, response http.ResponseWriter, done tree.Extracted, err error) error {
	if err != nil {
		return err
	}
	mark, err := tree.Mark(ctx)
	if err != nil {
		return err
	}
	done.Mark = strconv.FormatInt(mark, 10)
	answer(response, done)
	return nil
}

func (s *Server) treeWrite(response http.ResponseWriter, request *http.Request) error {
	query := readQuery(request)
	path, mode := query.path(), query.mode()
	if query.err != nil {
		return query.err
	}
	length, err := bodyLength(request)
	if err != nil {
		return err
	}
	content := tree.NewContent{From: request.Body, Bytes: length, Mode: mode}
	return s.withTree(response, request, func(ctx context.Context, open *tree.Tree) error {
		written, err := open.Write(ctx, path, content)
		if err != nil {
			return err
		}
		answer(response, written)
		return nil
	})
}

func (s *Server) treeEdit(response http.ResponseWriter, request *http.Request) error {
	return s.withTree(response, request, func(ctx context.Context, open *tree.Tree) error {
		edited, err := open.Edit(ctx, request.Body)
		if err != nil {
			return err
		}
		answer(response, edited)
		return nil
	})
}

func (s *Server) treeMark(response http.ResponseWriter, request *http.Request) error {
	return s.withTree(response, request, func(ctx context.Context, _ *tree.Tree) error {
		mark, err := tree.Mark(ctx)
		if err != nil {
			return err
		}
		answer(response, struct {
			Mark string `json:"mark"`
		}{strconv.FormatInt(mark, 10)})
		return nil
	})
}
