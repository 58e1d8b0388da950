package cli

import (
	"context"
	"os"

	"golang.org/x/term"

	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// replied runs a question to a person, and gives up on the answer when ctx ends.
// The terminal is left as it was.
func (s *stdio) replied(ctx context.Context, question func() (string, error)) (string, error) {
	f, ok := s.in.(*os.File)
	if !ok {
		return question()
	}
	before, _ := term.GetState(int(f.Fd())) // nil where it is no terminal
	type answer struct {
		text string
		err  error
	}
	given := make(chan answer, 1)
	go func() {
		text, err := question()
		given <- answer{text, err}
	}()
	select {
	case a := <-given:
		return a.text, a.err
	case <-ctx.Done():
		if before != nil {
			_ = term.Restore(int(f.Fd()), before)
		}
		s.goesOn = "nothing was changed"
		return "", ctx.Err()
	}
}

// goesOn says how work that goes on without the person who asked for it is
// watched, and undone.
func goesOn(v wire.Environment) string {
	watch := "the work goes on: offshoot wait " + v.ID + " watches it"
	d := v.Deployment
	switch {
	case d == nil || d.Outcome != string(staging.OutcomeRunning):
		return watch
	case d.Cause == "data reset":
		return watch + ", offshoot data undo " + v.ID + " brings the data before back"
	case v.Revision.Deployed == nil && v.Kind == string(staging.KindShared):
		return watch + ", offshoot destroy " + v.ID + " --confirm " + v.Project + " undoes it"
	case v.Revision.Deployed == nil:
		return watch + ", offshoot destroy " + v.ID + " undoes it"
	case *v.Revision.Deployed != v.Revision.Desired:
		return watch + ", offshoot deploy " + v.Branch + " -p " + v.Project + " --commit " + human.Revision(*v.Revision.Deployed) + " goes back"
	}
	return watch
}
