package imagebuild

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// The options of BuildKit's Dockerfile frontend:
// https://github.com/moby/buildkit/blob/master/docs/reference/buildctl.md,
// frontend/dockerui/config.go.
const (
	optArg     = "build-arg:"
	optContext = "context:"
	optLabel   = "label:"
	argCacheNS = "BUILDKIT_CACHE_MOUNT_NS"
	argSyntax  = "BUILDKIT_SYNTAX"
	// needContexts makes a reader fail that would leave contexts out.
	needContexts = "moby.buildkit.frontend.contexts+forward"
	localContext = "context"
	localFile    = "dockerfile"
)

// official are the images whose frontends tell BuildKit no more than what a
// Dockerfile says.
var official = regexp.MustCompile(`^(docker\.io/)?docker/(dockerfile|dockerfile-upstream)(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$`)

// directive is any line that some version of a frontend takes for a syntax line.
var directive = regexp.MustCompile(`(?i)^\s*(#|//)\s*syntax\s*=\s*(\S+)`)

// syntax is the image that a Dockerfile wants to be read by, "" for the
// engine's own reader. Any other than Docker's is refused: a frontend says what
// steps see and what their results are known by, so one of a branch's could put
// its own results into the builds of others.
func syntax(d dockerfile, b staging.ImageBuild) (string, error) {
	var named []string
	var other struct{ Syntax string }
	if json.Unmarshal(d.text, &other) == nil {
		named = strings.Fields(other.Syntax)
	}
	for line := range strings.Lines(string(bytes.TrimPrefix(d.text, []byte("\xef\xbb\xbf")))) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "//") {
			break
		}
		if m := directive.FindStringSubmatch(line); m != nil {
			named = append(named, m[2])
		}
	}
	if ref := b.Args[argSyntax]; ref != "" {
		named = append(named, strings.Fields(ref)...)
	}
	for _, ref := range named {
		if !official.MatchString(ref) {
			return "", failed(staging.ClassPolicy, b.Name, "use docker/dockerfile:1, or leave the line out",
				"the Dockerfile is to be read by %s: only docker/dockerfile may", ref)
		}
	}
	if len(named) == 0 {
		return "", nil
	}
	return named[len(named)-1], nil
}

// frontend are the options of one build.
func (b *Builder) frontend(spec staging.BuildSpec, build staging.ImageBuild, secrets map[string][]byte) (map[string]string, error) {
	opts := map[string]string{"filename": dockerfileName}
	if build.Target != "" {
		opts["target"] = build.Target
	}
	if build.NoCache {
		opts["no-cache"] = ""
	}
	if build.Offline {
		opts["force-network-mode"] = "none"
	}
	for name, value := range build.Args {
		opts[optArg+name] = value
	}
	opts[optArg+argCacheNS] = b.domain.mounts(spec.Project, spec.Branch)
	for name, value := range build.Labels {
		if !strings.HasPrefix(name, "offshoot.") {
			opts[optLabel+name] = value
		}
	}
	opts[optLabel+labelServer] = b.Server
	opts[optLabel+labelProject] = spec.Project
	opts[optLabel+labelKey] = spec.Key
	var hosts []string
	for _, name := range slices.Sorted(maps.Keys(build.ExtraHosts)) {
		for _, address := range build.ExtraHosts[name] {
			if net.ParseIP(address) == nil {
				return nil, failed(staging.ClassManifest, build.Name, "write the address in numbers", "extra_hosts: %s is at %q, which is no address", name, address)
			}
			hosts = append(hosts, name+"="+address)
		}
	}
	// The name is part of what BuildKit knows a step by, its address is not.
	if sum := b.domain.unseen(secrets, build.Args, build.ExtraHosts); sum != "" {
		hosts = append(hosts, sum+".cache.invalid=127.0.0.1")
	}
	if len(hosts) > 0 {
		line := &strings.Builder{}
		w := csv.NewWriter(line)
		if err := w.Write(hosts); err != nil {
			return nil, err
		}
		w.Flush()
		opts["add-hosts"] = strings.TrimSpace(line.String())
	}
	return opts, nil
}

// cacheImport is an entry of the option cache-imports.
type cacheImport struct {
	Type  string
	Attrs map[string]string
}

// imports sets what images a build takes layers from. What BuildKit takes it
// keeps for all, so it is the base branch's to say.
func imports(opts map[string]string, spec staging.BuildSpec, build staging.ImageBuild) ([]cacheImport, error) {
	if len(build.CacheFrom) == 0 || spec.Branch != spec.BaseBranch {
		return nil, nil
	}
	var from []cacheImport
	for _, ref := range build.CacheFrom {
		from = append(from, cacheImport{Type: "registry", Attrs: map[string]string{"ref": ref}})
	}
	text, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	opts["cache-imports"] = string(text)
	return from, nil
}

var (
	fromLine  = regexp.MustCompile(`(?im)^[ \t]*FROM[ \t]`)
	byNumber  = regexp.MustCompile(`(?im)^[ \t]*COPY[ \t].*--from=[0-9]+[ \t]|--mount=[^ ]*from=[0-9]+`)
	stageName = regexp.MustCompile(`^[a-z][a-z0-9-_.]*$`)
)

// begin writes stages named as further contexts before a Dockerfile's own, for
// engines whose reader knows no such contexts.
func (d *dockerfile) begin(stages map[string]string) error {
	if len(stages) == 0 {
		return nil
	}
	if byNumber.Match(d.text) {
		return fmt.Errorf("it names stages by number")
	}
	at := fromLine.FindIndex(d.text)
	if at == nil {
		return fmt.Errorf("it has no FROM")
	}
	var head strings.Builder
	for _, name := range slices.Sorted(maps.Keys(stages)) {
		if !stageName.MatchString(name) {
			return fmt.Errorf("the context %s has the name of an image", name)
		}
		fmt.Fprintf(&head, "FROM %s AS %s\n", stages[name], name)
	}
	d.text = slices.Concat(d.text[:at[0]], []byte(head.String()), d.text[at[0]:])
	return nil
}
