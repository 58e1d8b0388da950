package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// application is one below testdata/apps: a plain Compose file and what it
// needs, as teams write them. Each answers GET / with "notes: N TITLE", keeps
// one more note for POST /notes, and has its title in a file.
type application struct {
	name, title string
	// staging is what else is seen of shared staging, when it has one note;
	// branch what is seen of a branch that has one more.
	staging, branch string
}

var applications = []application{
	{name: "rails", title: "title.txt", staging: `
exec bash $FIXTURES/until.sh offshoot logs main worker 'did note 1'
`, branch: `
exec bash $FIXTURES/until.sh offshoot logs feature/second worker 'did note 2'
http 200 second.rails.localhost /done 'done: 2'
`},
	{name: "django", title: "title.txt"},
	{name: "laravel", title: "title.txt", branch: `
exec bash $FIXTURES/until.sh offshoot logs feature/second queue 'did note 2'
http 200 second.laravel.localhost / 'done: 2'
offshoot 0 show feature/second
stdout 'scheduler: starts jobs by the clock, off here'
`},
	{name: "express", title: "title.txt"},
	{name: "go", title: "title.txt", staging: `
offshoot 0 logs main --step release
stdout migrated
`},
	{name: "spring", title: "src/main/resources/title.txt"},
	{name: "wordpress", title: "theme/title.txt", branch: `
http 200 second.wordpress.localhost / 'files: 2'
http 200 main.wordpress.localhost / 'files: 1'
`},
	{name: "celery", title: "app/title.txt", staging: `
exec bash $FIXTURES/until.sh curl -s -H 'Host: main.celery.localhost' $EDGE/ticks ticked
`, branch: `
exec bash $FIXTURES/until.sh curl -s -H 'Host: second.celery.localhost' $EDGE/ 'done: 2'
offshoot 0 show feature/second
stdout 'beat: starts jobs by the clock, off here'
`},
	{name: "nginx", title: "web/html/title.txt"},
	{name: "monorepo", title: "services/web/title.txt", staging: `
http 200 main.monorepo.localhost / 'made by the init scripts'
exec bash $FIXTURES/until.sh curl -s -H 'Host: main.monorepo.localhost' $EDGE/ 'nightly true'
`, branch: `
offshoot 0 show feature/second
stdout 'cron: starts jobs by the clock, off here'
`},
}

// everyApplication is what holds for each of them.
const everyApplication = `
[!docker] skip 'docker is missing'
[!root] skip 'data directories are given to the users of servers'
serve --platform docker
fixture apps/NAME
cd apps/NAME
offshoot 0 check --platform docker
offshoot 0 project add NAME
offshoot 0 create main
stdout '^http://main.NAME.localhost:\d+$'
http 200 main.NAME.localhost / 'notes: 0 first'
post main.NAME.localhost /notes
http 200 main.NAME.localhost / 'notes: 1 first'
STAGING
exec git checkout -qb feature/second
offshoot 0 create
http 200 second.NAME.localhost / 'notes: 1 first'
post second.NAME.localhost /notes
http 200 second.NAME.localhost / 'notes: 2 first'
http 200 main.NAME.localhost / 'notes: 1 first'
BRANCH
cp $WORK/second TITLE
exec git commit -qam 'another title'
offshoot 0 deploy
http 200 second.NAME.localhost / 'notes: 2 second'
http 200 main.NAME.localhost / 'notes: 1 first'
offshoot 0 sleep feature/second
http 200 second.NAME.localhost / 'notes: 2 second'
offshoot 0 destroy feature/second --yes
stdout 'nothing is left'
offshoot 0 destroy main --confirm NAME
nothing-left
halt
-- second --
second
`

// TestApplications runs complete applications from their Compose files.
func TestApplications(t *testing.T) {
	t.Parallel()
	p, dir := scripts(t), t.TempDir()
	for _, a := range applications {
		text := strings.NewReplacer("NAME", a.name, "TITLE", a.title, "STAGING", a.staging, "BRANCH", a.branch).Replace(everyApplication)
		file := filepath.Join(dir, a.name+".txtar")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.Files = append(p.Files, file)
	}
	testscript.Run(t, p)
}
