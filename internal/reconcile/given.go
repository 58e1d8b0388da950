package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"

	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// sameImages are the given images of what serves that dep runs too: who changes
// something else gets no other image, wherever its name leads by now.
func sameImages(dep, serving *staging.Deployment) map[string]staging.UsedImage {
	var same map[string]staging.UsedImage
	if serving == nil {
		return nil
	}
	for name, given := range dep.Options.Images {
		used, ran := serving.Progress.Images[name]
		if before := serving.Options.Images[name]; ran && before.Ref == given.Ref && before.Revision == given.Revision && before.At.Equal(given.At) {
			same = withImages(same, map[string]staging.UsedImage{name: used})
		}
	}
	return same
}

// pulls are the images of elsewhere that a stack runs: those that services were
// given and dep has not got yet, and those that the stack names.
func (a *actor) pulls(dep *staging.Deployment, stack *staging.Stack) []staging.ImagePull {
	if !a.Platform.Traits().Images {
		return nil
	}
	wanted := map[string]staging.ImagePull{}
	for _, s := range slices.Concat(stack.Services, stack.OneShots) {
		_, got := dep.Progress.Images[s.Given]
		switch {
		case s.Given != "" && !got:
			wanted[s.Given] = staging.ImagePull{Name: s.Given, Ref: s.Image, Fresh: true}
		case s.Given == "" && s.ImageBuild == nil && s.Image != "" && !staging.HasLate(s.Image):
			wanted[s.Name] = staging.ImagePull{Name: s.Name, Ref: s.Image}
		}
	}
	for _, d := range stack.Datastores {
		wanted[d.Name] = staging.ImagePull{Name: d.Name, Ref: d.Image}
	}
	var list []staging.ImagePull
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		list = append(list, wanted[name])
	}
	return list
}

// missing is whether some of pulls are to be got, or nobody knows.
func (a *actor) missing(ctx context.Context, pulls []staging.ImagePull) bool {
	var named []string
	for _, p := range pulls {
		if p.Fresh {
			return true
		}
		named = append(named, p.Ref)
	}
	fetcher, ok := a.Platform.(platform.Fetcher)
	if !ok || len(named) == 0 {
		return false
	}
	missing, err := fetcher.Missing(ctx, named...)
	return len(missing) > 0 || err != nil
}

// fetch gets the image of a datastore before it is looked what is in there.
func (a *actor) fetch(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	d, isData := dep.Stack.Datastore(op.Service)
	fetcher, ok := a.Platform.(platform.Fetcher)
	if !ok || !isData || !a.Platform.Traits().Images {
		return nil
	}
	missing, err := fetcher.Missing(ctx, d.Image)
	if err != nil || len(missing) == 0 {
		return err
	}
	say := a.saying(ctx, dep.ID, op.Step)
	defer say.end()
	return fetcher.Fetch(ctx, v.project.Name, d.Image, func(text string) { say.say(op.Service + ": " + text) })
}

func withImages(a, b map[string]staging.UsedImage) map[string]staging.UsedImage {
	if len(a)+len(b) == 0 {
		return nil
	}
	all := map[string]staging.UsedImage{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// asManifest is a refusal of what a stack cannot do, as a deployment fails by it.
func asManifest(err error) error {
	hint := ""
	var known *staging.Error
	if errors.As(err, &known) {
		hint = known.Hint
	}
	return staging.Errorf(staging.ClassCode(staging.ClassManifest), hint, "%w", err)
}
