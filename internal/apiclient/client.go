// Package apiclient is the typed client of the API. Errors are
// *staging.Error with the server's own code and hint.
package apiclient

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Client is safe for concurrent use.
type Client struct {
	// Base is the server's address without a final slash.
	Base  string
	Token string
	HTTP  *http.Client
}

// maxAnswer bounds an answer that is read whole, in bytes.
const maxAnswer = 64 << 20

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	address := c.Base + "/api/v1" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, staging.Errorf(staging.CodeUsage, "give --server a URL such as http://127.0.0.1:7070", "address of the server: %w", err)
	}
	if r.Header, err = c.header(); err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, application/x-ndjson") // lines as they come
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.HTTP.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, staging.Errorf(staging.CodeUnreachable, "start it: offshoot server; or name another: --server URL", "the server at %s cannot be reached: %w", c.Base, errors.Unwrap(err))
	}
	if resp.StatusCode >= 400 {
		defer func() { _ = resp.Body.Close() }()
		return nil, problem(resp)
	}
	return resp, nil
}

// header says who asks. What cannot be sent is no token; it is not repeated.
func (c *Client) header() (http.Header, error) {
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, staging.Errorf(staging.CodeUnauthenticated, "OFFSHOOT_TOKEN is one line of letters, as `offshoot token create` prints it", "the token holds a character that no token has")
	}
	return http.Header{"Authorization": {"Bearer " + c.Token}}, nil
}

func problem(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	var p wire.Problem
	if json.Unmarshal(text, &p) != nil || p.Detail == "" {
		return staging.Errorf(staging.CodeInternal, "is that address an Offshoot server?", "the server answers %s", resp.Status)
	}
	if p.Code == "" {
		// What the framework refused is how the request was written.
		p.Code = string(staging.CodeUsage)
		if resp.StatusCode == http.StatusNotFound {
			p.Code = string(staging.CodeNotFound)
		}
	}
	return &staging.Error{Code: staging.Code(p.Code), Message: p.Detail, Hint: p.Hint, Failure: p.Failure}
}

func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	resp, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

// maxParts bounds the parts that a whole list is read in.
const maxParts = 1000

// all reads a whole list, part by part.
func all[T any](ctx context.Context, c *Client, path string, query url.Values) (wire.List[T], error) {
	whole := wire.List[T]{Items: []T{}}
	q := url.Values{"limit": {"1000"}}
	for k, v := range query {
		q[k] = v
	}
	for range maxParts {
		var part wire.List[T]
		if err := c.call(ctx, http.MethodGet, path, q, nil, &part); err != nil {
			return whole, err
		}
		if whole.Items = append(whole.Items, part.Items...); part.NextCursor == nil {
			return whole, nil
		}
		q.Set("cursor", *part.NextCursor)
	}
	return whole, staging.Errorf(staging.CodeInternal, "ask for less", "the list %s does not end", path)
}

// Projects are all.
func (c *Client) Projects(ctx context.Context) (wire.List[wire.Project], error) {
	return all[wire.Project](ctx, c, "/projects", nil)
}

// AddProject registers a repository.
func (c *Client) AddProject(ctx context.Context, r wire.AddProject) (v wire.Project, err error) {
	return v, c.call(ctx, http.MethodPost, "/projects", nil, r, &v)
}

// Project is one.
func (c *Client) Project(ctx context.Context, name string) (v wire.Project, err error) {
	return v, c.call(ctx, http.MethodGet, "/projects/"+url.PathEscape(name), nil, nil, &v)
}

// SetProject changes a project.
func (c *Client) SetProject(ctx context.Context, name string, change wire.SetProject) (v wire.Project, err error) {
	return v, c.call(ctx, http.MethodPatch, "/projects/"+url.PathEscape(name), nil, change, &v)
}

// RemoveProject forgets a project.
func (c *Client) RemoveProject(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/projects/"+url.PathEscape(name), nil, nil, nil)
}

// Variables are a project's.
func (c *Client) Variables(ctx context.Context, project string) (wire.List[wire.Variable], error) {
	return all[wire.Variable](ctx, c, "/projects/"+url.PathEscape(project)+"/variables", nil)
}

// SetVariables changes a project's variables.
func (c *Client) SetVariables(ctx context.Context, project string, r wire.Variables) error {
	return c.call(ctx, http.MethodPatch, "/projects/"+url.PathEscape(project)+"/variables", nil, r, nil)
}

// Create makes an environment or brings it to that state.
func (c *Client) Create(ctx context.Context, project string, r wire.CreateEnvironment) (v wire.Environment, err error) {
	return v, c.call(ctx, http.MethodPost, "/projects/"+url.PathEscape(project)+"/environments", nil, r, &v)
}

// Environments are a project's, of all for ""; destroyed ones too if asked.
func (c *Client) Environments(ctx context.Context, project string, destroyed bool) (wire.List[wire.Environment], error) {
	path := "/environments"
	if project != "" {
		path = "/projects/" + url.PathEscape(project) + "/environments"
	}
	return all[wire.Environment](ctx, c, path, url.Values{"all": {strconv.FormatBool(destroyed)}})
}

// Environment is one, by id.
func (c *Client) Environment(ctx context.Context, id string) (v wire.Environment, err error) {
	return v, c.call(ctx, http.MethodGet, "/environments/"+url.PathEscape(id), nil, nil, &v)
}

// Resolve finds what a person means in a project, or in any for "".
func (c *Client) Resolve(ctx context.Context, project, name string) (v wire.Environment, err error) {
	return v, c.call(ctx, http.MethodGet, "/resolve", url.Values{"project": {project}, "name": {name}}, nil, &v)
}

// ResolveIn finds what a person means who stands in a checkout of a project.
func (c *Client) ResolveIn(ctx context.Context, checkout, name string) (v wire.Environment, err error) {
	return v, c.call(ctx, http.MethodGet, "/resolve", url.Values{"checkout": {checkout}, "name": {name}}, nil, &v)
}

// Set changes an environment's own variables.
func (c *Client) Set(ctx context.Context, id string, r wire.Variables) (v wire.Environment, err error) {
	return v, c.call(ctx, http.MethodPatch, "/environments/"+url.PathEscape(id), nil, r, &v)
}

// EnvironmentVariables are an environment's own.
func (c *Client) EnvironmentVariables(ctx context.Context, id string) (wire.List[wire.Variable], error) {
	return all[wire.Variable](ctx, c, "/environments/"+url.PathEscape(id)+"/variables", nil)
}

// Destroy takes an environment away.
func (c *Client) Destroy(ctx context.Context, id, confirm string) (v wire.Environment, err error) {
	return v, c.call(ctx, http.MethodDelete, "/environments/"+url.PathEscape(id), url.Values{"confirm": {confirm}}, nil, &v)
}

// Act does deploy, sleep, wake, pin, unpin or extend.
func (c *Client) Act(ctx context.Context, id, action string, body any) (v wire.Environment, err error) {
	return v, c.call(ctx, http.MethodPost, "/environments/"+url.PathEscape(id)+"/"+action, nil, body, &v)
}

// Resources are the ledger of an environment.
func (c *Client) Resources(ctx context.Context, id string) (wire.List[wire.Resource], error) {
	return all[wire.Resource](ctx, c, "/environments/"+url.PathEscape(id)+"/resources", nil)
}

// Deployments are the latest of an environment, newest first.
func (c *Client) Deployments(ctx context.Context, id string) (v wire.List[wire.Deployment], err error) {
	return v, c.call(ctx, http.MethodGet, "/environments/"+url.PathEscape(id)+"/deployments", nil, nil, &v)
}

// EventFilter selects events with a number above After; "" is any.
type EventFilter struct {
	After                int64
	Environment, Project string
}

// Events waits up to that time for the first.
func (c *Client) Events(ctx context.Context, f EventFilter, wait time.Duration) (v wire.List[staging.Event], err error) {
	q := url.Values{"after": {strconv.FormatInt(f.After, 10)}, "environment": {f.Environment}, "project": {f.Project}, "wait": {strconv.Itoa(int(wait.Seconds()))}, "limit": {"1000"}}
	return v, c.call(ctx, http.MethodGet, "/events", q, nil, &v)
}

// Status is the server's health.
func (c *Client) Status(ctx context.Context) (v wire.Status, err error) {
	return v, c.call(ctx, http.MethodGet, "/status", nil, nil, &v)
}

// Logs streams lines until there are no more, or ctx ends when following.
func (c *Client) Logs(ctx context.Context, id string, q url.Values, line func(wire.LogLine) error) error {
	resp, err := c.request(ctx, http.MethodGet, "/environments/"+url.PathEscape(id)+"/logs", q, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l wire.LogLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("a line of the log: %w", err)
		}
		if err := line(l); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if lines.Err() != nil {
		return staging.Errorf(staging.CodeUnreachable, "run it again", "the connection to the server broke: %w", lines.Err())
	}
	return nil
}

// Data is all that there is to say of an environment's data.
func (c *Client) Data(ctx context.Context, environment string) (v wire.EnvironmentData, err error) {
	return v, c.call(ctx, http.MethodGet, "/environments/"+url.PathEscape(environment)+"/data", nil, nil, &v)
}

// Snapshots are a project's, newest first.
func (c *Client) Snapshots(ctx context.Context, project string) (wire.List[wire.Snapshot], error) {
	return all[wire.Snapshot](ctx, c, "/projects/"+url.PathEscape(project)+"/snapshots", nil)
}

// Snapshot is one.
func (c *Client) Snapshot(ctx context.Context, id string) (v wire.Snapshot, err error) {
	return v, c.call(ctx, http.MethodGet, "/snapshots/"+url.PathEscape(id), nil, nil, &v)
}

// TakeSnapshot begins one.
func (c *Client) TakeSnapshot(ctx context.Context, project string, r wire.TakeSnapshot) (v wire.Snapshot, err error) {
	return v, c.call(ctx, http.MethodPost, "/projects/"+url.PathEscape(project)+"/snapshots", nil, r, &v)
}

// RemoveSnapshot deletes one with its data.
func (c *Client) RemoveSnapshot(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/snapshots/"+url.PathEscape(id), nil, nil, nil)
}
