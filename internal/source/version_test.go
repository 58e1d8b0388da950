package source

import "testing"

func TestOldGitsAreRefused(t *testing.T) {
	for said, want := range map[string]bool{"git version 2.39.5\n": true, "git version 2.32.0": true, "git version 3.0.1": true, "git version 2.50.1 (Apple Git-155)": true,
		"git version 2.31.9": false, "git version 1.99.0": false, "": false, "svn version 2.40": false} {
		if err := recent(said); (err == nil) != want {
			t.Errorf("%q: %v", said, err)
		}
	}
}
