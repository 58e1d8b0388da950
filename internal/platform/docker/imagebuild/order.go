package imagebuild

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// What begins a context that is another build's image, and one of elsewhere.
const servicePrefix, imagePrefix = "service:", "docker-image://"

// job is one build, and the names of all images that are it.
type job struct {
	staging.ImageBuild
	names []string
	// after are the builds whose images it begins with.
	after []*job
	done  chan struct{}
}

// jobs are the builds of images, each after those it begins with. What differs
// by its name alone is built once.
func jobs(images []staging.ImageBuild) ([]*job, error) {
	var all []*job
	byName, byContent := map[string]*job{}, map[string]*job{}
	for _, image := range images {
		if image.Name == "" || byName[image.Name] != nil {
			return nil, failed(staging.ClassManifest, image.Name, "each image needs a name of its own", "two builds are called %q", image.Name)
		}
		name := image.Name
		image.Name = ""
		content, err := json.Marshal(image)
		if err != nil {
			return nil, err
		}
		j := byContent[string(content)]
		if j == nil {
			image.Name = name
			j = &job{ImageBuild: image, done: make(chan struct{})}
			byContent[string(content)] = j
			all = append(all, j)
		}
		j.names = append(j.names, name)
		byName[name] = j
	}
	for _, j := range all {
		for _, key := range slices.Sorted(maps.Keys(j.Contexts)) {
			of, ok := strings.CutPrefix(j.Contexts[key], servicePrefix)
			if !ok {
				continue
			}
			other := byName[of]
			if other == nil {
				return nil, failed(staging.ClassManifest, j.Name, "name a service that has a build of its own",
					"the additional context %s is the image of %s, which is not built", key, of)
			}
			j.after = append(j.after, other)
		}
	}
	return all, acyclic(all)
}

// acyclic refuses builds that wait for each other.
func acyclic(all []*job) error {
	ended, begun := map[*job]bool{}, map[*job]bool{}
	var visit func(j *job) error
	visit = func(j *job) error {
		if ended[j] {
			return nil
		}
		if begun[j] {
			return failed(staging.ClassManifest, j.Name, "let one of them begin with an image that exists", "the build of %s begins with its own image", j.Name)
		}
		begun[j] = true
		for _, other := range j.after {
			if err := visit(other); err != nil {
				return err
			}
		}
		ended[j] = true
		return nil
	}
	for _, j := range all {
		if err := visit(j); err != nil {
			return err
		}
	}
	return nil
}
