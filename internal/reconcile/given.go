package reconcile

import (
	"errors"
	"maps"
	"slices"

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

// pulls are the given images of a stack that dep has not got yet.
func pulls(dep *staging.Deployment, stack *staging.Stack) []staging.ImagePull {
	wanted := map[string]string{}
	for _, s := range slices.Concat(stack.Services, stack.OneShots) {
		if _, got := dep.Progress.Images[s.Given]; s.Given != "" && !got {
			wanted[s.Given] = s.Image
		}
	}
	var list []staging.ImagePull
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		list = append(list, staging.ImagePull{Name: name, Ref: wanted[name]})
	}
	return list
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
