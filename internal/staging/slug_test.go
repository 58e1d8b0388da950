package staging_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"offshoot/internal/staging"
)

func TestSlug(t *testing.T) {
	for _, tt := range []struct{ branch, want string }{
		{"feature/new_cool_page", "new-cool-page"},
		{"refs/heads/feature/new_cool_page", "new-cool-page"},
		{"main", "main"},
		{"Fix/Feature/X", "fix-feature-x"},
		{"feature/feature/x", "feature-x"},
		{"release", "release"},
		{"a//__b", "a-b"},
		{"--upload-pack=x", "upload-pack-x"},
		{"$(x)", "x"},
		{"feature/über-uns 🚀", "ber-uns"},
	} {
		if got := staging.Slug(tt.branch, "repo", nil); got != tt.want {
			t.Errorf("Slug(%q) = %q, want %q", tt.branch, got, tt.want)
		}
	}
}

func TestSlugSuffix(t *testing.T) {
	suffixed := regexp.MustCompile(`^([a-z0-9-]+-)?[0-9a-f]{6}$`)
	taken := func(s string) bool { return s == "foo-bar" }
	for _, branch := range []string{
		"staging", "feature/api", "www", "🚀", "fix/äöü", "foo_bar", strings.Repeat("x", 250),
	} {
		got := staging.Slug(branch, "repo", taken)
		if !suffixed.MatchString(got) || len(got) > 40 {
			t.Errorf("Slug(%q) = %q, want a suffix and at most 40 characters", branch, got)
		}
		if other := staging.Slug(branch, "fork", taken); other == got {
			t.Errorf("Slug(%q) is %q for two repositories", branch, got)
		}
	}
	if a, b := staging.Slug("foo_bar", "r", taken), staging.Slug("foo/bar", "r", taken); a == b {
		t.Errorf("foo_bar and foo/bar are both %q", a)
	}
}

func TestSlugIsALabel(t *testing.T) {
	label := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	rapid.Check(t, func(t *rapid.T) {
		got := staging.Slug(rapid.String().Draw(t, "branch"), "repo", nil)
		if !label.MatchString(got) || len(got) > 40 {
			t.Fatalf("slug %q is no label", got)
		}
		if again := staging.Slug(got, "repo", nil); len(again) > 40 {
			t.Fatalf("slug of slug %q is %q", got, again)
		}
	})
}

func TestHost(t *testing.T) {
	if got := staging.Host("x", "web", true, "shop.localhost"); got != "x.shop.localhost" {
		t.Error(got)
	}
	if got := staging.Host("x", "admin_ui", false, "shop.localhost"); got != "admin-ui--x.shop.localhost" {
		t.Error(got)
	}
	long := staging.Host(strings.Repeat("s", 40), strings.Repeat("v", 60), false, "d")
	if label, _, _ := strings.Cut(long, "."); len(label) > 63 || !regexp.MustCompile(`^v+-[0-9a-f]{6}--s{40}$`).MatchString(label) {
		t.Errorf("label of %d characters: %s", len(label), label)
	}
}

func TestNormalizeHost(t *testing.T) {
	for in, want := range map[string]string{
		"New_Cool.shop.localhost:8080": "new-cool.shop.localhost",
		"a.b.":                         "a.b", "[::1]:80": "[::1]", "[::1]": "[::1]",
	} {
		if got := staging.NormalizeHost(in); got != want {
			t.Errorf("NormalizeHost(%q) = %q, want %q", in, got, want)
		}
	}
}
