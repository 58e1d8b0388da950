package reconcile

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// origins are where a deployment's data came from, as its rows say.
func origins(rows []staging.Resource, dep *staging.Deployment) []staging.DataOrigin {
	var list []staging.DataOrigin
	for _, name := range DataNames(dep.Stack) {
		i := slices.IndexFunc(rows, func(r staging.Resource) bool { return r.Name == plan.CloneName(dep, name) })
		if i < 0 {
			continue
		}
		o, ok := originOf(rows[i])
		if !ok {
			continue
		}
		list = append(list, o)
	}
	return list
}

func originOf(row staging.Resource) (staging.DataOrigin, bool) {
	var o staging.DataOrigin
	return o, json.Unmarshal(row.Spec, &o) == nil && o.Name != ""
}

// from is the folder that new data is a copy of, "" for none, and what is known
// of it.
func (a *actor) from(ctx context.Context, w Writer, dep *staging.Deployment, source string, o *staging.DataOrigin) (string, error) {
	if from, err := a.fromWithdrawn(ctx, w, dep, o); err != nil || from != "" {
		return from, err
	}
	if set, ok := strings.CutPrefix(source, fromAsides); ok {
		return a.fromAside(ctx, w, set, o)
	}
	if source == fromNothing {
		return "", nil
	}
	s, err := w.Snapshot(ctx, source)
	if staging.CodeOf(err) == staging.CodeNotFound || err == nil && s.State != staging.SnapshotReady {
		return "", staging.Errorf(staging.ClassCode(staging.ClassData), "offshoot snapshot ls", "there is no snapshot %s that is ready", source)
	}
	if err != nil {
		return "", err
	}
	for _, x := range dep.Stack.Volumes {
		if x.Name == o.Name && !x.Clone {
			return "", nil
		}
	}
	if p := part(&s, o.Name); p != nil && p.Kind == o.Kind {
		o.Snapshot, o.SnapshotTakenAt, o.SnapshotRevision = s.ID, s.TakenAt, s.Revision
		return a.Folders.Path(plan.Name(s.ID, staging.ResourceSnapshot, p.Name))
	}
	return "", nil
}

// seeded notes that seed has run on a deployment's data: it is never run on it
// again.
func (a *actor) seeded(ctx context.Context, w Writer, rows []staging.Resource, dep *staging.Deployment, data []staging.DataOrigin) error {
	for i := range data {
		data[i].Seeded, data[i].Empty = true, false
		for _, row := range rows {
			if row.Name != plan.CloneName(dep, data[i].Name) {
				continue
			}
			var err error
			if row.Spec, err = json.Marshal(data[i]); err != nil {
				return err
			}
			if err := w.PutResource(ctx, row); err != nil {
				return err
			}
		}
	}
	return nil
}
