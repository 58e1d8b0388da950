package staging_test

import (
	"testing"

	"offshoot/internal/staging"
)

func TestGivenImages(t *testing.T) {
	build := func(name, target string) *staging.ImageBuild {
		return &staging.ImageBuild{Name: name, Context: ".", Target: target, Contexts: map[string]string{"base": "service:web"}}
	}
	stack := func() *staging.Stack {
		return &staging.Stack{Services: []staging.Service{{Name: "web", ImageBuild: build("web", "a")}, {Name: "same", ImageBuild: build("same", "a")}, {Name: "other", ImageBuild: build("other", "b")},
			{Name: "ready", Image: "nginx:1"}}, OneShots: []staging.Service{{Name: "migrate", ImageBuild: build("migrate", "a")}}, Datastores: []staging.Datastore{{Name: "db"}}}
	}
	const now, before = "now", "before"
	for _, c := range []struct {
		name  string
		given map[string]staging.GivenImage
		runs  map[string]string
		notes int
	}{
		{"what is built the same runs it too", map[string]staging.GivenImage{"web": {Ref: "ci:1", Revision: now}}, map[string]string{"web": "ci:1", "same": "ci:1", "migrate": "ci:1", "ready": "nginx:1"}, 2},
		{"its own goes first", map[string]staging.GivenImage{"web": {Ref: "ci:1", Revision: now}, "same": {Ref: "ci:2", Revision: now}}, map[string]string{"web": "ci:1", "same": "ci:2", "migrate": "ci:2", "ready": "nginx:1"}, 1},
		{"of another revision what is built is built", map[string]staging.GivenImage{"web": {Ref: "ci:1", Revision: before}}, map[string]string{"ready": "nginx:1"}, 1},
		{"what is not built keeps it", map[string]staging.GivenImage{"ready": {Ref: "ci:1", Revision: before}}, map[string]string{"ready": "ci:1"}, 0},
		{"a service that is gone", map[string]staging.GivenImage{"gone": {Ref: "ci:1", Revision: before}}, map[string]string{"ready": "nginx:1"}, 1},
	} {
		s := stack()
		notes, err := s.Give(c.given, now)
		if err != nil || len(notes) != c.notes {
			t.Errorf("%s: %v, %v", c.name, notes, err)
		}
		for _, name := range []string{"web", "same", "other", "ready", "migrate"} {
			x, _ := s.Service(name)
			if x.Image != c.runs[name] || (x.ImageBuild == nil) != (c.runs[name] != "") {
				t.Errorf("%s: %s runs %q", c.name, name, x.Image)
			}
		}
		other, _ := s.Service("other")
		if begins := other.ImageBuild.Contexts["base"]; c.runs["web"] != "" && begins != "docker-image://ci:1" || c.runs["web"] == "" && begins != "service:web" {
			t.Errorf("%s: what begins with it begins with %s", c.name, begins)
		}
	}
	for _, name := range []string{"db", "nonsense"} {
		if _, err := stack().Give(map[string]staging.GivenImage{name: {Ref: "ci:1", Revision: now}}, now); staging.CodeOf(err) != staging.CodeRefused {
			t.Errorf("%s is given an image: %v", name, err)
		}
	}
}
