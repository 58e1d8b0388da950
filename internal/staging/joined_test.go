package staging

import "testing"

func TestWhatIsJoinedIsFoundByItsAddress(t *testing.T) {
	for _, c := range []struct{ folder, repo, beside, want string }{
		{"worker", "/srv/worker", "../worker", "worker"},
		{"worker", "/srv/worker", "../worker/", "worker"},
		{"worker", "/srv/worker", "../worker/app/x", "worker/app/x"},
		{"services/w", "https://git.example.com/a/worker.git", "../worker", "services/w"},
		{"services/w", "https://git.example.com/a/worker.git", "../w/sub", "services/w/sub"},
		{"worker", "/srv/worker", "../worker/../../etc", "worker/etc"},
		{"worker", "/srv/worker", "../workers", ""},
		{"worker", "/srv/worker", "worker", ""},
		{"worker", "/srv/worker", "../../worker", ""},
		{"worker", "https://git.example.com/a/worker.git", "https://git.example.com/a/worker.git#main:app", "worker/app"},
		{"worker", "https://git.example.com/a/worker.git", "git@GIT.example.com:a/worker.git", "worker"},
		{"worker", "ssh://git@git.example.com/a/worker", "https://git.example.com/a/worker.git#:../../x", "worker/x"},
		{"worker", "https://git.example.com/a/worker.git", "https://git.example.com/b/worker.git", ""},
		{"worker", "https://git.example.com/a/worker.git", "https://evil.example.com/a/worker.git", ""},
	} {
		got, ok := Joined{Folder: c.folder, Repo: c.repo}.At(c.beside)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s joined at %s, %s: %q, not %q", c.repo, c.folder, c.beside, got, c.want)
		}
	}
}
