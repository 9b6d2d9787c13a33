package protocol

import (
	"errors"
	"fmt"
)

// Code names why a request was refused.
type Code string

const (
	CodeBadRequest     Code = "bad_request"
	CodeNotFound       Code = "not_found"
	CodeConflict       Code = "conflict"
	CodeNoSpace        Code = "no_space"
	CodeLimitExceeded  Code = "limit_exceeded"
	CodeUnsupported    Code = "unsupported"
	CodeInternal       Code = "internal"
	CodeNotActivated   Code = "not_activated"
	CodeArchiveRefused Code = "archive_refused"
	// CodeDamaged says that a disk is not what a file system can be read from.
	CodeDamaged Code = "damaged"
)

var statusByCode = map[Code]int{
	CodeBadRequest:     400,
	CodeNotFound:       404,
	CodeConflict:       409,
	CodeNoSpace:        507,
	CodeLimitExceeded:  413,
	CodeUnsupported:    400,
	CodeInternal:       500,
	CodeNotActivated:   409,
	CodeArchiveRefused: 422,
	CodeDamaged:        422,
}

// Failure is a refusal the host gets to see.
type Failure struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (f *Failure) Error() string { return f.Message }

// Status is the HTTP status of the refusal.
func (f *Failure) Status() int {
	if status, found := statusByCode[f.Code]; found {
		return status
	}
	return 500
}

// Fail makes a refusal.
func Fail(code Code, format string, values ...any) *Failure {
	return &Failure{Code: code, Message: fmt.Sprintf(format, values...)}
}

// AsFailure turns any error into a refusal; an unforeseen one is internal.
func AsFailure(err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	return &Failure{Code: CodeInternal, Message: err.Error()}
}
