package wiring

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"offshoot/internal/staging"
)

// TestWhatNobodyWantsFollowedIsNot holds for folders and for URLs.
func TestWhatNobodyWantsFollowedIsNot(t *testing.T) {
	got := toFollow([]staging.Project{
		{Name: "folder", Repo: "/srv/shop", Watch: true, AutoCreate: "branch:*"},
		{Name: "quiet-folder", Repo: "/srv/shop"},
		{Name: "url", Repo: "https://git.example.com/shop.git", Watch: true},
		{Name: "both", Repo: "/srv/shop", Watch: true, Policy: staging.Policy{Joined: []staging.Joined{{Repo: "/srv/worker"}, {Repo: "https://git.example.com/mail.git", Branch: "next"}}}},
		{Name: "quiet-url", Repo: "https://git.example.com/shop.git"},
	})
	want := map[string]followed{"folder": {repo: "/srv/shop", watch: true, auto: "branch:*"}, "url": {repo: "https://git.example.com/shop.git"},
		"both": {repo: "/srv/shop", joined: "/srv/worker\t\nhttps://git.example.com/mail.git\tnext\n"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(followed{})); diff != "" {
		t.Error(diff)
	}
}
