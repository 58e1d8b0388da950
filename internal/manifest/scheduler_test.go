package manifest_test

import (
	"os"
	"path/filepath"
	"testing"

	"offshoot/internal/manifest"
	"offshoot/internal/staging"
)

// TestSchedulersOfAProcfile holds what is recognised of lines as people write
// them for a platform that starts processes.
func TestSchedulersOfAProcfile(t *testing.T) {
	for line, want := range map[string]struct {
		what string
		only bool
	}{
		"clock: bundle exec clockwork clock.rb":   {"clockwork", true},
		"clock: bin/jobs":                         {"by its name", true},
		"jobs: ruby clock.rb":                     {"clock.rb", true},
		"jobs: python -m clock":                   {"clock", true},
		"jobs: python3 -u scripts/scheduler.py":   {"scripts/scheduler.py", true},
		"jobs: RAILS_ENV=x celery -A a beat":      {"celery beat", true},
		"jobs: celery -A a worker --beat":         {"celery worker -B", false},
		"jobs: celery -A a worker -Q beat":        {"", false},
		"jobs: rqscheduler --host x":              {"rqscheduler", true},
		"jobs: exec crond -f -l 2":                {"crond", true},
		"jobs: cron && tail -f /var/log/cron.log": {"cron", true},
		"jobs: cron; exec ./serve":                {"cron", false},
		"jobs: bundle exec whenever":              {"", false},
		"jobs: bundle exec sidekiq":               {"", false},
		"jobs: php artisan queue:work":            {"", false},
		"jobs: node server.js --cron":             {"", false},
		"jobs: ./clock-radio":                     {"", false},
		"jobs: bundle exec rake cron":             {"", false},
		"jobs: npm run scheduler":                 {"scheduler", true},
		"web: bin/scheduler":                      {"bin/scheduler", false},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "Procfile"), []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := manifest.Load(t.Context(), dir, manifest.Options{})
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		v := r.Stack.Services[0]
		if v.Scheduler != want.what || v.OnlySchedules != want.only {
			t.Errorf("%s: %q, %v; want %q, %v", line, v.Scheduler, v.OnlySchedules, want.what, want.only)
		}
		if (v.Scheduler != "") != (len(r.Notes) > 0) {
			t.Errorf("%s: %v", line, r.Notes)
		}
		r.Stack.Branched(staging.KindBranch)
		var d staging.Desired
		if n := d.Replicas(r.Stack, r.Stack.Services[0]); (n == 0) != want.only {
			t.Errorf("%s: %d run in a branch", line, n)
		}
		d.Scale = map[string]int{v.Name: 2}
		if n := d.Replicas(r.Stack, r.Stack.Services[0]); n != 2 {
			t.Errorf("%s: scaled to 2, %d run", line, n)
		}
		d.Scale = nil
		r.Stack.Branched(staging.KindShared)
		if n := d.Replicas(r.Stack, r.Stack.Services[0]); n != 1 || !v.CronsOn(staging.KindShared) || v.CronsOn(staging.KindBranch) != want.only {
			t.Errorf("%s: %d run in shared staging", line, n)
		}
	}
}
