package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// problem is an error as huma sends it.
type problem struct{ wire.Problem }

func (p *problem) Error() string               { return p.Detail }
func (p *problem) GetStatus() int              { return p.Status }
func (p *problem) ContentType(_ string) string { return "application/problem+json" }

// statuses map codes; a failure's class is a request that cannot be done.
var statuses = map[staging.Code]int{
	staging.CodeUsage: http.StatusBadRequest, staging.CodeNotFound: http.StatusNotFound, staging.CodeRefused: http.StatusUnprocessableEntity,
	staging.CodeConflict: http.StatusConflict, staging.CodeLimit: http.StatusTooManyRequests, staging.CodeSuperseded: http.StatusConflict,
	staging.CodeCancelled: http.StatusConflict, staging.CodeUnauthenticated: http.StatusUnauthorized, staging.CodeForbidden: http.StatusForbidden,
	staging.CodeTimeout: http.StatusGatewayTimeout, staging.CodeInternal: http.StatusInternalServerError,
}

func problemOf(err error) *problem {
	p := &problem{wire.Problem{Type: "about:blank", Status: http.StatusInternalServerError, Code: string(staging.CodeInternal),
		Detail: err.Error(), Hint: "look at the server's log"}}
	var e *staging.Error
	if errors.As(err, &e) {
		p.Code, p.Detail, p.Hint, p.Failure = string(e.Code), e.Message, e.Hint, e.Failure
		p.Status = http.StatusUnprocessableEntity
		if s, ok := statuses[e.Code]; ok {
			p.Status = s
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p.Status, p.Code, p.Hint = http.StatusGatewayTimeout, string(staging.CodeTimeout), "try again"
	}
	p.Title = http.StatusText(p.Status)
	return p
}

func writeProblem(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, 11.6.1
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem)
}

// ours turns what the framework refuses into a problem like every other. What
// was sent is never repeated: it may hold a secret.
func ours(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := wire.Problem{Type: "about:blank", Title: http.StatusText(m.Status), Status: m.Status, Code: string(staging.CodeUsage), Detail: m.Detail,
		Hint: "GET /openapi.json says what this route takes"}
	var said []string
	for _, e := range m.Errors {
		if e != nil && e.Location != "" {
			said = append(said, e.Location+": "+e.Message)
		} else if e != nil {
			said = append(said, e.Message)
		}
	}
	if len(said) > 0 {
		p.Detail = strings.Join(said, "; ")
	}
	switch m.Status {
	case http.StatusUnsupportedMediaType:
		p.Detail, p.Hint = "the body is not of the type application/json", "send Content-Type: application/json"
	case http.StatusNotFound:
		p.Code = string(staging.CodeNotFound)
	case http.StatusInternalServerError:
		// The framework's word for a body that broke off.
		if p.Detail == "http: request body too large" {
			p.Detail, p.Hint = fmt.Sprintf("the body has more than the %d bytes that a request may carry", maxBody), "send less"
			break
		}
		p.Code, p.Hint = string(staging.CodeInternal), "look at the server's log"
	}
	return p, nil
}

// position is json.Unmarshal that says where a text is wrong.
func position(text []byte, v any) error {
	err := json.Unmarshal(text, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var offset int64
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	default:
		return err
	}
	before := text[:min(offset, int64(len(text)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return fmt.Errorf("line %d, column %d: %w", line, max(1, column), err)
}
