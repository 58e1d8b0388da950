package staging

import (
	"cmp"
	"path"
	"strings"
)

// Joined is a repository beside a project's own. Its files lie in a folder of
// the project's checkouts, from the branch that an environment is of, where it
// has one of that name.
type Joined struct {
	// Folder is a path in the checkout.
	Folder string `json:"folder"`
	// Repo is a URL or an absolute path. It never contains credentials.
	Repo string `json:"repo"`
	// Branch is taken where the repository has none of the environment's; "" for
	// the one called like the project's staging branch, or its own default.
	Branch string `json:"branch,omitempty"`
}

// JoinedRevision is what of a joined repository a revision has.
type JoinedRevision struct {
	Folder string `json:"folder"`
	// Branch is the one that was taken.
	Branch string `json:"branch"`
	// ID is a full commit id of the joined repository.
	ID string `json:"revision"`
}

// Content is the commit that has all files of a revision: its own, or the one
// that was made of it and of those that are joined to it.
func (r Revision) Content() string { return cmp.Or(r.Whole, r.ID) }

// At is the folder of the checkout that a path beside the repository means
// (../NAME, as seen from the repository's top), or a Git address as Compose
// writes one (URL#REF:FOLDER); ok is whether that is the joined repository.
func (j Joined) At(beside string) (folder string, ok bool) {
	if rest, ok := strings.CutPrefix(beside, "../"); ok {
		name, rest, _ := strings.Cut(rest, "/")
		if name != path.Base(j.Folder) && name != path.Base(PlainRepository(j.Repo)) {
			return "", false
		}
		return path.Join(j.Folder, path.Join("/", rest)), true
	}
	address, fragment, _ := strings.Cut(beside, "#")
	if PlainRepository(address) != PlainRepository(j.Repo) {
		return "", false
	}
	_, below, _ := strings.Cut(fragment, ":")
	return path.Join(j.Folder, path.Join("/", below)), true
}

// PlainRepository is an address without what does not tell repositories apart:
// git@host:a/b.git and https://host/a/b are one.
func PlainRepository(address string) string {
	address = strings.TrimSuffix(strings.TrimSuffix(address, "/"), ".git")
	if path.IsAbs(address) {
		return path.Clean(address)
	}
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		rest = strings.Replace(address, ":", "/", 1)
	}
	host, below, _ := strings.Cut(rest, "/")
	if _, after, ok := strings.Cut(host, "@"); ok {
		host = after
	}
	return strings.ToLower(host) + "/" + strings.TrimPrefix(below, "/")
}
