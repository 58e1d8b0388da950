package api_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"offshoot/internal/api"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// errReached says that a request came through the gate.
var errReached = staging.Errorf(staging.CodeConflict, "", "reached")

// fake is a service that knows one environment and one snapshot of the project
// shop, and events that tests add. All else answers errReached.
type fake struct {
	mu     sync.Mutex
	events []staging.Event
	woken  chan struct{}
	tokens map[string]staging.Token
	logs   []wire.LogLine
}

func newFake() *fake { return &fake{woken: make(chan struct{}), tokens: map[string]staging.Token{}} }

func (f *fake) happen(e staging.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.Seq = int64(len(f.events) + 1)
	f.events = append(f.events, e)
	close(f.woken)
	f.woken = make(chan struct{})
}

func (f *fake) Projects(context.Context) ([]wire.Project, error) {
	return []wire.Project{{Name: "blog"}, {Name: "shop"}, {Name: "wiki"}}, nil
}
func (f *fake) Project(_ context.Context, name string) (wire.Project, error) {
	return wire.Project{Name: name}, nil
}
func (f *fake) AddProject(context.Context, string, wire.AddProject) (wire.Project, error) {
	return wire.Project{}, errReached
}
func (f *fake) SetProject(context.Context, string, string, wire.SetProject) (wire.Project, error) {
	return wire.Project{}, errReached
}
func (f *fake) RemoveProject(context.Context, string, string) error { return errReached }
func (f *fake) ProjectVariables(context.Context, string) ([]wire.Variable, error) {
	return nil, errReached
}
func (f *fake) SetProjectVariables(context.Context, string, string, wire.Variables) error {
	return errReached
}
func (f *fake) EnvironmentVariables(context.Context, string) ([]wire.Variable, error) {
	return nil, errReached
}
func (f *fake) SetVariables(context.Context, string, string, wire.Variables) (wire.Environment, error) {
	return wire.Environment{}, errReached
}
func (f *fake) Create(_ context.Context, actor, _ string, r wire.CreateEnvironment) (wire.Environment, error) {
	return wire.Environment{ID: "env_new", Branch: r.Branch, CreatedBy: actor}, nil
}
func (f *fake) Deploy(context.Context, string, string, wire.Deploy) (wire.Environment, error) {
	return wire.Environment{}, errReached
}
func (f *fake) Destroy(context.Context, string, string, string) (wire.Environment, error) {
	return wire.Environment{}, errReached
}
func (f *fake) Act(context.Context, string, string, string, int64) (wire.Environment, error) {
	return wire.Environment{}, errReached
}
func (f *fake) Scale(context.Context, string, string, map[string]int) (wire.Environment, error) {
	return wire.Environment{}, errReached
}
func (f *fake) SetLinks(context.Context, string, string, map[string]string) (wire.Environment, error) {
	return wire.Environment{}, errReached
}
func (f *fake) Mails(context.Context, string) ([]wire.Mail, error) {
	return []wire.Mail{{ID: "msg_3"}, {ID: "msg_2"}, {ID: "msg_1"}}, nil
}
func (f *fake) MailMessage(context.Context, string, string) (wire.MailMessage, error) {
	return wire.MailMessage{}, errReached
}
func (f *fake) RawMail(_ context.Context, _, message string) (io.ReadCloser, error) {
	if message != "msg_1" {
		return nil, errReached
	}
	return io.NopCloser(strings.NewReader("<script>raw</script>")), nil
}
func (f *fake) MailAttachment(_ context.Context, _, message string, n int, begin func(wire.MailAttachment) io.Writer) error {
	if message != "msg_1" {
		return errReached
	}
	_, err := io.WriteString(begin(wire.MailAttachment{N: n, Name: "ä\"\r\nX: y.html", Type: "text/html"}), "<script>file</script>")
	return err
}
func (f *fake) RemoveMail(context.Context, string, string, string) (wire.MailRemoved, error) {
	return wire.MailRemoved{}, errReached
}
func (f *fake) Environment(_ context.Context, id string) (wire.Environment, error) {
	if id != "env_a" {
		return wire.Environment{}, staging.NotFound("", "there is no environment %q", id)
	}
	return wire.Environment{ID: id, Project: "shop"}, nil
}
func (f *fake) Environments(_ context.Context, project string, _ bool, after string, limit int) ([]wire.Environment, error) {
	var list []wire.Environment
	for _, e := range []wire.Environment{{ID: "env_a", Project: "shop"}, {ID: "env_b", Project: "blog"}, {ID: "env_c", Project: "shop"}} {
		if (project == "" || project == e.Project) && e.ID > after && len(list) < limit {
			list = append(list, e)
		}
	}
	return list, nil
}
func (f *fake) Resolve(context.Context, string, string, string) (wire.Environment, error) {
	return wire.Environment{ID: "env_b", Project: "blog"}, nil
}
func (f *fake) Resources(context.Context, string) ([]wire.Resource, error) { return nil, errReached }
func (f *fake) Deployments(context.Context, string, int) ([]wire.Deployment, error) {
	return nil, errReached
}
func (f *fake) Snapshots(context.Context, string) ([]wire.Snapshot, error) { return nil, errReached }
func (f *fake) Snapshot(_ context.Context, id string) (wire.Snapshot, error) {
	return wire.Snapshot{ID: id, Project: "shop"}, nil
}
func (f *fake) TakeSnapshot(context.Context, string, string, wire.TakeSnapshot) (wire.Snapshot, error) {
	return wire.Snapshot{}, errReached
}
func (f *fake) RemoveSnapshot(context.Context, string) error { return errReached }
func (f *fake) Reset(context.Context, string, string, wire.Reset) (wire.Environment, error) {
	return wire.Environment{}, errReached
}
func (f *fake) Undo(context.Context, string, string) (wire.Environment, error) {
	return wire.Environment{}, errReached
}
func (f *fake) EnvironmentData(context.Context, string) (wire.EnvironmentData, error) {
	return wire.EnvironmentData{}, errReached
}
func (f *fake) Events(ctx context.Context, q api.EventQuery) ([]staging.Event, error) {
	end := time.After(q.Patience)
	for {
		f.mu.Lock()
		var list []staging.Event
		for _, e := range f.events {
			if e.Seq > q.After && (q.Project == "" || q.Project == e.Project) && len(list) < q.Limit {
				list = append(list, e)
			}
		}
		woken := f.woken
		f.mu.Unlock()
		if len(list) > 0 {
			return list, nil
		}
		select {
		case <-woken:
		case <-end:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
func (f *fake) Status(context.Context) (wire.Status, error) { return wire.Status{}, nil }
func (f *fake) Logs(_ context.Context, _ string, _ api.LogQuery, line func(wire.LogLine) error) error {
	for _, l := range f.logs {
		if err := line(l); err != nil {
			return err
		}
	}
	return nil
}
func (f *fake) Attach(context.Context, string, wire.Session, api.Attached) (int, error) {
	return 3, nil
}
func (f *fake) Tunnel(context.Context, string, string) (string, func(), error) {
	return "", func() {}, errReached
}
func (f *fake) Credentials(context.Context, string) ([]wire.Credential, error) {
	return nil, errReached
}
func (f *fake) SetCredential(context.Context, string, string, wire.SetCredential) error {
	return errReached
}
func (f *fake) CreateToken(context.Context, string, wire.CreateToken) (wire.NewToken, error) {
	return wire.NewToken{}, errReached
}
func (f *fake) Tokens(context.Context) ([]wire.Token, error)      { return nil, errReached }
func (f *fake) RevokeToken(context.Context, string, string) error { return errReached }
func (f *fake) TokenByHash(_ context.Context, hash string) (staging.Token, bool, error) {
	t, ok := f.tokens[hash]
	return t, ok, nil
}
func (f *fake) Token(_ context.Context, id string) (staging.Token, error) {
	for _, t := range f.tokens {
		if t.ID == id {
			return t, nil
		}
	}
	return staging.Token{}, staging.NotFound("", "there is no token")
}

func (f *fake) Runtimes(context.Context) (wire.Runtimes, error) { return wire.Runtimes{}, errReached }
func (f *fake) Install(_ context.Context, _ string, tell func(wire.RuntimeProgress)) (wire.Runtime, error) {
	tell(wire.RuntimeProgress{Message: "fetching", Done: 1, Total: 2})
	return wire.Runtime{}, errReached
}
