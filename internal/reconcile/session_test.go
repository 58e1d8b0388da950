package reconcile

import (
	"testing"

	"offshoot/internal/staging"
)

// TestACommandBesideWhatDoesNotRunIsRefused holds that who names a service of
// which nothing is to run is told so, and what to do instead.
func TestACommandBesideWhatDoesNotRunIsRefused(t *testing.T) {
	web, job := staging.Service{Name: "web"}, staging.Service{Name: "job", Schedule: "0 3 * * *"}
	dep := &staging.Deployment{Stack: &staging.Stack{Services: []staging.Service{web, job}}}
	for name, x := range map[string]struct {
		service staging.Service
		scale   map[string]int
		want    staging.Code
	}{
		"it runs":           {web, nil, ""},
		"scaled to none":    {web, map[string]int{"web": 0}, staging.CodeRefused},
		"scaled up":         {web, map[string]int{"web": 2}, ""},
		"another is scaled": {web, map[string]int{"job": 0}, ""},
		"a cron job":        {job, nil, staging.CodeRefused},
	} {
		env := staging.Environment{Slug: "a"}
		env.Desired.Scale = x.scale
		if err := beside(env, dep, x.service); staging.CodeOf(err) != x.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
