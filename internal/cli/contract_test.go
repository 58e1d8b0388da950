package cli_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"offshoot/internal/cli"
)

// run runs one command line against no server.
func run(t *testing.T, line string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("OFFSHOOT_SERVER", "http://127.0.0.1:1")
	t.Setenv("OFFSHOOT_TOKEN", "x")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	var out, errs bytes.Buffer
	code = cli.Main(t.Context(), cli.Program{}, strings.Fields(line), &out, &errs)
	return code, out.String(), errs.String()
}

// TestEveryDocumentedCommandExists types each command of the contract: what is
// built asks the server, which is not there; what is not is refused.
func TestEveryDocumentedCommandExists(t *testing.T) {
	const asks, refused, usage = 7, 4, 2
	for line, want := range map[string]int{
		"project add p --repo https://x.example/p.git --default-branch main --staging-branch dev --domain d.example --platform auto --compose-file c.yaml --auto-create none": asks,
		"project add p --repo https://x.example/p.git --forge github":           refused,
		"project add p --repo https://x.example/p.git --auto-create branch:x/*": asks,
		"project add p --repo https://x.example/p.git --platform kubernetes":    refused,
		"project ls":                              asks,
		"project show p":                          asks,
		"project set p --allow-host h:5432":       asks,
		"project rm p":                            asks,
		"project env set K=V -p p":                asks,
		"project env ls -p p":                     asks,
		"project env rm K -p p":                   asks,
		"project env set K=V -p p --for lite":     refused,
		"project env set K=V -p p --for shared":   asks,
		"project secret ls -p p":                  asks,
		"project secret rm K -p p":                asks,
		"project secret set K V -p p":             usage,
		"project secret set K=V -p p":             usage,
		"project credential set git token":        usage,
		"project credential set forge":            refused,
		"project credential set webhook":          refused,
		"project credential set registry p":       usage,
		"project credential set nonsense":         usage,
		"project credential set https://u:p@h/":   usage,
		"project source set n postgres://u:p@h/x": usage,
		"project source set n":                    refused,
		"project source set postgres://u:p@h/x":   usage,
		"project mask set f":                      refused,
		"create b -p p --commit abcd --env K=V --link n=e --ttl 72h --pin --size small --snapshot latest": asks,
		"create b -p p --lite":                            refused,
		"create b -p p --from-moment m":                   refused,
		"create b -p p --image web=x":                     asks,
		"create b -p p --image web":                       usage,
		"create b -p p --dry-run":                         asks,
		"create pr:57 -p p":                               refused,
		"create b -p p --env nonsense":                    usage,
		"create b -p p --ttl 0s":                          usage,
		"deploy b -p p --commit abcd --force":             asks,
		"deploy b -p p --if-exists --into staging":        asks,
		"deploy b -p p --image web=x":                     asks,
		"destroy e -p p --yes --confirm p":                asks,
		"destroy e -p p --abandon":                        refused,
		"ls --all --phase ready --branch x*":              asks,
		"show e -p p":                                     asks,
		"url e -p p":                                      asks,
		"open e -p p":                                     asks,
		"open --dashboard":                                asks,
		"open":                                            usage,
		"events e -p p":                                   asks,
		"wait e -p p --for ready --timeout 1s":            asks,
		"wait e -p p --for nonsense":                      usage,
		"logs e -p p --tail -1":                           usage,
		"logs e web -p p --tail 5 --since 10m --previous": asks,
		"logs e -p p --step release":                      asks,
		"logs e -p p --step nonsense":                     usage,
		"logs e -f -p p --timeout 1s":                     asks,
		"events -f":                                       asks,
		"events e -f -p p --timeout 1s":                   asks,
		"console e web -p p --timeout 1s -- true":         asks,
		"exec e web -p p --timeout 1s -- true":            asks,
		"psql e -p p --timeout 1s -- -c x":                asks,
		"redis-cli e -p p --timeout 1s -- ping":           asks,
		"tunnel e db -p p --timeout 1s":                   asks,
		"cron run e nightly -p p --timeout 1s":            asks,
		"help nonsense":                                   usage,
		"help":                                            0,
		"help create":                                     0,
		"create --help":                                   0,
		"data":                                            0,
		"mail ls e -p p":                                  asks,
		"mail show e -p p":                                asks,
		"mail rm e m -p p":                                asks,
		"mail rm e":                                       usage,
		"mail rm e m --all":                               usage,
		"mail ls e --limit -1":                            usage,
		"mail show e --raw --html":                        usage,
		"mail show e --attachment -1":                     usage,
		"console e web -p p -- true":                      asks,
		"exec e web -p p -- true":                         asks,
		"exec e web -p p":                                 usage,
		"psql e -p p --data db -- -c x":                   asks,
		"redis-cli e -p p":                                asks,
		"tunnel e db -p p --port 1":                       asks,
		"env ls e -p p":                                   asks,
		"env set e K=V -p p":                              asks,
		"env unset e K -p p":                              asks,
		"link e n=e -p p":                                 asks,
		"sleep e -p p":                                    asks,
		"wake e -p p":                                     asks,
		"pin e -p p":                                      asks,
		"unpin e -p p":                                    asks,
		"extend e 24h -p p":                               asks,
		"extend e soon -p p":                              usage,
		"scale e web=2 -p p":                              asks,
		"data show e -p p":                                asks,
		"data reset e -p p --snapshot s":                  asks,
		"data undo e -p p":                                asks,
		"data dump e -p p":                                refused,
		"snapshot create -p p":                            asks,
		"snapshot ls -p p":                                asks,
		"snapshot show s":                                 asks,
		"snapshot rm s":                                   asks,
		"snapshot verify s":                               refused,
		"mask suggest":                                    refused,
		"freeze e --note t":                               refused,
		"moment ls":                                       refused,
		"moment show m":                                   refused,
		"moment rm m":                                     refused,
		"status":                                          asks,
		"runtime ls":                                      asks,
		"share e --for 7d":                                refused,
		"user invite x --role viewer":                     refused,
		"user ls":                                         refused,
		"token create --project p --role viewer --expires 30d": asks,
		"token create --expires soon":                          usage,
		"token ls":                                             asks,
		"token revoke t":                                       asks,
		"whoami":                                               asks,
		"logout":                                               3,
		"login nonsense":                                       usage,
		"backup f":                                             refused,
		"restore f":                                            refused,
		"mcp":                                                  refused,
		"ci github":                                            refused,
		"aws bootstrap":                                        refused,
		"server install":                                       refused,
		"server --tls acme":                                    refused,
		"server --platform nonsense":                           usage,
		"server --public-url https://x":                        usage,
		"server --tls nonsense":                                usage,
		"server --listen nonsense":                             usage,
		"server --edge-listen 127.0.0.1:99999":                 usage,
		"server --domain a_b":                                  usage,
		"server --ttl never":                                   usage,
		"deploy b -p p --timeout -1s":                          usage,
		"wait e -p p --timeout -1s":                            usage,
		"tunnel e db -p p --port 80000":                        usage,
		"sweep --dry-run --go-on":                              usage,
		"storage init":                                         usage,
		"redis-cli e -p p get key":                             asks,
		"redis-cli e -p p --scan":                              usage,
		"show env_aaaaaaaaaaaaaaaa":                            asks,
		"ls --phase nonsense":                                  usage,
		"version":                                              0,
		"completion bash":                                      0,
		"completion tcsh":                                      usage,
		"completion":                                           usage,
		"aliases /no/such/folder":                              3,
		"check /no/such/folder":                                3,
	} {
		code, stdout, stderr := run(t, line)
		if code != want {
			t.Errorf("%s: exit code %d, want %d\n%s%s", line, code, want, stdout, stderr)
		}
		if want == 0 {
			code, stdout, stderr := run(t, line+" --json")
			d := json.NewDecoder(strings.NewReader(stdout))
			var v map[string]any
			if err := d.Decode(&v); err != nil || d.More() || code != 0 {
				t.Errorf("%s --json: exit code %d, prints %q %s (%v)", line, code, stdout, stderr, err)
			}
			continue
		}
		if !strings.HasPrefix(stderr, "error: ") || !strings.Contains(stderr, "\nhint: ") || stdout != "" {
			t.Errorf("%s: says %q on stderr, %q on stdout", line, stderr, stdout)
		}
		at := strings.Index(line+" -- ", " -- ")
		code, stdout, _ = run(t, line[:min(at, len(line))]+" --json"+line[min(at, len(line)):])
		var v struct {
			Error struct{ Code, Message, Hint string }
		}
		d := json.NewDecoder(strings.NewReader(stdout))
		if err := d.Decode(&v); err != nil || d.More() || v.Error.Code == "" || v.Error.Message == "" || code != want {
			t.Errorf("%s --json: exit code %d, prints %q (%v)", line, code, stdout, err)
		}
	}
}

// TestNoDocumentedCommandIsUnknown has those that need no server, or look at
// this machine.
func TestNoDocumentedCommandIsUnknown(t *testing.T) {
	for _, line := range []string{"sweep --dry-run", "doctor --leftovers", "storage init --size 1G --help", "runtime install postgres@15 --help", "cron run e j -p p", "check", "demo --help"} {
		if code, _, stderr := run(t, line); code == 2 {
			t.Errorf("%s: %s", line, stderr)
		}
	}
}

func TestEveryCommandHelps(t *testing.T) {
	for _, c := range cli.Commands() {
		code, stdout, stderr := run(t, strings.TrimPrefix(c, "offshoot")+" --help")
		if code != 0 || stderr != "" || !strings.Contains(stdout, "Usage:") || !strings.Contains(stdout, "--json") {
			t.Errorf("%s --help: %d %s%s", c, code, stdout, stderr)
		}
		if !strings.Contains(stdout, "Examples:\n  ") {
			t.Errorf("%s --help has no example", c)
		}
	}
}

// TestExamplesAreTypedRight types every example that only asks a server.
func TestExamplesAreTypedRight(t *testing.T) {
	typed := 0
	for _, c := range cli.Commands() {
		_, stdout, _ := run(t, strings.TrimPrefix(c, "offshoot")+" --help --json")
		var help struct{ Examples []string }
		if err := json.Unmarshal([]byte(stdout), &help); err != nil {
			t.Fatalf("%s --help --json: %v", c, err)
		}
		for _, example := range help.Examples {
			line, ok := strings.CutPrefix(example, "offshoot ")
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " <")
			line, _, _ = strings.Cut(line, " >")
			line, _, _ = strings.Cut(line, " |")
			first, _, _ := strings.Cut(line, " ")
			if !ok || slices.Contains([]string{"server", "demo", "doctor", "storage", "check", "login"}, first) {
				continue // looks at this machine, or changes it
			}
			typed++
			if code, _, stderr := run(t, line); code == 2 && !strings.Contains(stderr, "on stdin") {
				t.Errorf("%s: %s", example, stderr)
			}
		}
	}
	if typed < 50 {
		t.Errorf("%d examples", typed)
	}
}

func TestArgumentsByName(t *testing.T) {
	for argv, want := range map[string]string{"/usr/bin/offshoot ls": "ls", "create_branch_staging x --lite": "create x --lite", "/b/destroy_branch_staging x": "destroy x", "docker:console x": "console x"} {
		if got := strings.Join(cli.Arguments(strings.Fields(argv)), " "); got != want {
			t.Errorf("%s is %q, want %q", argv, got, want)
		}
	}
}
