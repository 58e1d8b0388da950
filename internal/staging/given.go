package staging

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// GivenImage is an image that was made elsewhere, for a service to run instead
// of what its stack says.
type GivenImage struct {
	Ref string `json:"ref"`
	// Revision is the one that it was made of. A service that is built runs it at
	// that revision alone; others have no other way to the branch's code, and keep it.
	Revision string `json:"revision"`
	// At tells one that was given anew from the one before, zero where Ref never
	// leads to anything else.
	At time.Time `json:"at,omitzero"`
}

// UsedImage is what a reference led to when a deployment asked.
type UsedImage struct {
	Ref string `json:"ref"`
	// Run is what containers are made of: the same image as long as the
	// deployment lives, wherever Ref leads meanwhile.
	Run string `json:"run"`
	// Digest is the registry's, "" where none has it.
	Digest string `json:"digest,omitempty"`
}

// GiveCheck is why images cannot be given to services of a stack, nil where they
// can.
func (s *Stack) GiveCheck(images map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(images)) {
		_, known := s.Service(name)
		_, data := s.Datastore(name)
		switch {
		case data:
			return Refused("change its image in the stack", "%s is a datastore: what serves its data is what the stack says", name)
		case !known:
			return Refused("it has "+strings.Join(s.names(), ", "), "the stack has no service %s", name)
		}
	}
	return nil
}

func (s *Stack) names() []string {
	var names []string
	for _, x := range slices.Concat(s.Services, s.OneShots) {
		names = append(names, x.Name)
	}
	return names
}

// Give has services run the images that were given for revision. An image stands
// for a build: what is built just the same runs it too, unless it was given one of
// its own. What was not taken is answered with why.
func (s *Stack) Give(images map[string]GivenImage, revision string) (notes []Note, err error) {
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(images)) {
		x, ok := s.Service(name)
		if images[name].Revision != revision && (!ok || x.ImageBuild != nil) {
			why := "this one is built"
			if !ok {
				why = "this one has no such service"
			}
			notes = append(notes, Note{Kind: NoteIgnored, File: x.File, Line: x.Line, Key: "services." + name + ".image",
				Message: "the image given to " + name + " is of another revision: " + why, Hint: "offshoot deploy --image " + name + "=REF"})
			continue
		}
		taken[name] = images[name].Ref
	}
	if err := s.GiveCheck(taken); err != nil {
		return nil, err
	}
	builds := map[string]*ImageBuild{}
	for name := range taken {
		x, _ := s.Service(name)
		builds[name] = x.ImageBuild
	}
	for _, list := range [][]Service{s.Services, s.OneShots} {
		for i := range list {
			x := &list[i]
			giver := x.Name
			if _, own := taken[giver]; !own {
				giver = sameBuild(builds, x.ImageBuild)
			}
			if giver == "" {
				continue
			}
			if giver != x.Name {
				notes = append(notes, Note{Kind: NoteGuessed, File: x.File, Line: x.Line, Key: "services." + x.Name + ".build",
					Message: x.Name + " is built as " + giver + " is, and runs the image given to that", Hint: "give it one of its own: --image " + x.Name + "=REF"})
			}
			x.Image, x.ImageBuild, x.Given = taken[giver], nil, giver
		}
	}
	s.beginWithGiven(taken)
	return notes, nil
}

// sameBuild is the name of the first of builds that is b but for its name.
func sameBuild(builds map[string]*ImageBuild, b *ImageBuild) string {
	if b == nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(builds)) {
		if builds[name] == nil {
			continue
		}
		x, y := *builds[name], *b
		x.Name, y.Name = "", ""
		if reflect.DeepEqual(x, y) {
			return name
		}
	}
	return ""
}

// beginWithGiven lets builds that begin with another one's image begin with what
// was given in its place.
func (s *Stack) beginWithGiven(taken map[string]string) {
	for _, list := range [][]Service{s.Services, s.OneShots} {
		for i := range list {
			b := list[i].ImageBuild
			if b == nil {
				continue
			}
			for name, value := range b.Contexts {
				of, _ := strings.CutPrefix(value, "service:")
				if x, ok := s.Service(of); ok && x.Given != "" {
					b.Contexts[name] = "docker-image://" + taken[x.Given]
				}
			}
		}
	}
}
