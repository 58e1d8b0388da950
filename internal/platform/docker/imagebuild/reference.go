package imagebuild

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"offshoot/internal/staging"
)

// The labels of what is built. Containers inherit them: they are no names that
// say whose a container is.
const (
	labelServer  = "offshoot.image.server"
	labelProject = "offshoot.image.project"
	labelKey     = "offshoot.image.key"
)

const namespace = "offshoot/"

var (
	contentKey = regexp.MustCompile(`^[0-9a-f]{16,64}$`)
	// pathName is one part of a reference's path:
	// https://github.com/distribution/reference, in a stricter form.
	pathName = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)
	unfit    = regexp.MustCompile(`[^a-z0-9]+`)
)

// safe is name as a part of a reference: two names are never the same part.
func safe(name string) string {
	if pathName.MatchString(name) && len(name) <= 60 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	part := strings.Trim(unfit.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if len(part) > 50 {
		part = strings.Trim(part[:50], "-")
	}
	return strings.TrimPrefix(part+"-"+hex.EncodeToString(sum[:4]), "-")
}

// artifactOf names all images of one specification.
func artifactOf(project, key string) string { return namespace + safe(project) + ":" + key }

// Image is the reference of an artifact's image of that name, "" where artifact
// is none of this package's.
func Image(artifact, name string) string {
	path, key, ok := strings.Cut(artifact, ":")
	if !ok || !strings.HasPrefix(path, namespace) || !contentKey.MatchString(key) {
		return ""
	}
	return path + "/" + safe(name) + ":" + key
}

// artifactOfImage is the artifact that a reference belongs to, "" for none.
func artifactOfImage(ref string) string {
	path, key, ok := strings.Cut(ref, ":")
	parts := strings.Split(path, "/")
	if !ok || len(parts) != 3 || parts[0]+"/" != namespace || !contentKey.MatchString(key) {
		return ""
	}
	return namespace + parts[1] + ":" + key
}

// owns is whether labels are those of an image of that specification. Which
// server built it makes no difference: equal keys are equal images.
func owns(labels map[string]string, spec staging.BuildSpec) bool {
	return labels[labelProject] == spec.Project && labels[labelKey] == spec.Key
}
