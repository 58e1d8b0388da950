package docker

import (
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Labels say all that must be known of a thing to find, observe and delete it.
const (
	prefix          = "offshoot."
	labelServer     = prefix + "server"
	labelOwner      = prefix + "owner"
	labelName       = prefix + "name"
	labelKind       = prefix + "kind"
	labelSpec       = prefix + "spec"
	labelGeneration = prefix + "generation"
	labelService    = prefix + "service"
	labelRole       = prefix + "role"
	labelGrace      = prefix + "stop-grace"
	labelDiscard    = prefix + "discard-signal"
	labelTimeout    = prefix + "timeout"
)

var (
	ownerName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	restName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)
)

// check refuses what is no name of the ledger's: names become files.
func check(ref platform.Ref) error {
	rest, ok := strings.CutPrefix(ref.Name, ref.Owner+"/"+string(ref.Kind)+"/")
	if !ok || !ownerName.MatchString(ref.Owner) || !restName.MatchString(rest) || strings.HasSuffix(rest, partial) {
		return staging.Errorf(staging.CodeInternal, "", "%q is no name of a %s of %q", ref.Name, ref.Kind, ref.Owner)
	}
	return nil
}

// engineName is what the engine calls a resource.
func (d *Driver) engineName(name string) string {
	return "offshoot-" + d.id + "-" + strings.ReplaceAll(name, "/", "-")
}

// labels are those of everything that is made.
func (d *Driver) labels(r platform.Resource) map[string]string {
	return map[string]string{labelServer: d.id, labelOwner: r.Owner, labelName: r.Name, labelKind: string(r.Kind), labelSpec: r.SpecHash,
		labelGeneration: strconv.FormatInt(r.Generation, 10)}
}

// workloadLabels are those of a container. The team's own cannot be taken for
// ours.
func (d *Driver) workloadLabels(r platform.Resource) map[string]string {
	w := r.Workload
	// Containers inherit the labels of their images, and these are ours to give.
	all := map[string]string{labelProgram: ""}
	if w.Container != nil {
		for k, v := range w.Container.Labels {
			if !strings.HasPrefix(k, prefix) {
				all[k] = v
			}
		}
	}
	for k, v := range w.Labels {
		all[prefix+k] = v
	}
	maps.Copy(all, d.labels(r))
	maps.Copy(all, map[string]string{labelService: w.Service, labelRole: string(w.Role), labelGrace: graceOf(w).String(),
		labelDiscard: w.DiscardSignal, labelTimeout: w.Timeout.String()})
	return all
}

func durationOf(labels map[string]string, key string) time.Duration {
	v, _ := time.ParseDuration(labels[key]) // a label that is not ours says nothing
	return v
}

// ours selects what this server made, of one owner or of all.
func (d *Driver) ours(owner string) client.Filters {
	f := client.Filters{}.Add("label", labelServer+"="+d.id)
	if owner != "" {
		f.Add("label", labelOwner+"="+owner)
	}
	return f
}

// isOurs is whether labels say that a thing is the named one.
func (d *Driver) isOurs(labels map[string]string, name string) bool {
	return labels[labelServer] == d.id && labels[labelName] == name
}

// seen is what labels alone say of a thing.
func seen(labels map[string]string, ref string) staging.Observation {
	return staging.Observation{Kind: staging.ResourceKind(labels[labelKind]), Name: labels[labelName], Owner: labels[labelOwner],
		Presence: staging.Present, Ref: ref, SpecHash: labels[labelSpec]}
}
