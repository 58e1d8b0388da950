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
		{Name: "quiet-url", Repo: "https://git.example.com/shop.git"},
	})
	want := map[string]followed{"folder": {"/srv/shop", true, "branch:*"}, "url": {"https://git.example.com/shop.git", false, ""}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(followed{})); diff != "" {
		t.Error(diff)
	}
}
