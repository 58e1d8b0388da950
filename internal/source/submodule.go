package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"offshoot/internal/staging"
)

const (
	// moduleDir has the mirrors of submodules' repositories: no project can be
	// called so.
	moduleDir = ".module"
	// maxDepth bounds submodules of submodules.
	maxDepth = 5
)

// submodules puts the files of a commit's submodules into dir, each from a
// mirror of its own. Git's own submodule commands are not used: what they run
// has been turned against its users (CVE-2024-32002, CVE-2025-48384).
func (m *Mirrors) submodules(ctx context.Context, r Repository, mirror, commit, dir string, depth int) error {
	links, err := m.gitlinks(ctx, mirror, commit)
	if err != nil || len(links) == 0 {
		return err
	}
	if depth == maxDepth {
		return fmt.Errorf("submodules are nested more than %d deep", maxDepth)
	}
	addresses, err := m.moduleAddresses(ctx, mirror, commit)
	if err != nil {
		return err
	}
	for at, sha := range links {
		if r.joined(at) {
			continue
		}
		address, ok := addresses[at]
		if !ok {
			return fmt.Errorf("submodule %s has no url in .gitmodules", at)
		}
		if err := m.submodule(ctx, r, address, sha, dir, at, depth); err != nil {
			return fmt.Errorf("submodule %s: %w", at, err)
		}
	}
	return nil
}

func (m *Mirrors) submodule(ctx context.Context, r Repository, address, sha, dir, at string, depth int) error {
	remote, err := moduleRemote(r.Remote, address)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(remote))
	name := moduleDir + "/" + hex.EncodeToString(sum[:10])
	own := Repository{Project: r.Project, Remote: remote, Submodules: true}
	if SameHost(r.Remote, remote) {
		own.Credential = r.Credential
	}
	mirror := filepath.Join(m.dir, name+".git")
	if _, err := m.run(ctx, m.dir, []string{"GIT_DIR=" + mirror}, "cat-file", "-e", "--end-of-options", sha+"^{commit}"); err != nil {
		if err := os.MkdirAll(filepath.Join(m.dir, moduleDir), 0o700); err != nil {
			return err
		}
		if err := m.bring(ctx, mirror, name, own, "+refs/heads/*:refs/heads/*", sha); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	err = root.MkdirAll(at, 0o755) // never through a link out of the checkout
	if err := errors.Join(err, root.Close()); err != nil {
		return err
	}
	inside := filepath.Join(dir, filepath.FromSlash(at))
	if err := m.writeTree(ctx, mirror, sha, inside); err != nil {
		return err
	}
	return m.submodules(ctx, own, mirror, sha, inside, depth+1)
}

// gitlinks are the commits that a tree points at, by path.
func (m *Mirrors) gitlinks(ctx context.Context, mirror, commit string) (map[string]string, error) {
	out, err := m.run(ctx, mirror, nil, "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit)
	if err != nil {
		return nil, err
	}
	links := map[string]string{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		about, at, _ := strings.Cut(entry, "\t")
		if fields := strings.Fields(about); len(fields) == 3 && fields[0] == "160000" {
			links[at] = fields[2]
		}
	}
	return links, nil
}

// moduleAddresses are the urls of .gitmodules by path.
func (m *Mirrors) moduleAddresses(ctx context.Context, mirror, commit string) (map[string]string, error) {
	out, err := m.run(ctx, mirror, nil, "config", "--blob", commit+":.gitmodules", "-z", "--get-regexp", `^submodule\..*\.(path|url)$`)
	if err != nil {
		return nil, fmt.Errorf("read .gitmodules: %w", err)
	}
	paths, urls := map[string]string{}, map[string]string{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		if name, ok := strings.CutSuffix(key, ".path"); ok {
			paths[name] = value
		} else if name, ok := strings.CutSuffix(key, ".url"); ok {
			urls[name] = value
		}
	}
	addresses := map[string]string{}
	for name, at := range paths {
		addresses[at] = urls[name]
	}
	return addresses, nil
}

// moduleRemote is where a submodule comes from. A branch writes its address, so
// it may name hosts, and neighbours of the project's own repository, but no
// other folder of this machine.
func moduleRemote(parent, address string) (string, error) {
	refused := staging.Refused("use the https:// or ssh:// address of the repository, or ../NAME", "the address %q is not allowed for a submodule", address)
	if strings.HasPrefix(address, "./") || strings.HasPrefix(address, "../") {
		if filepath.IsAbs(parent) {
			neighbour := filepath.Join(parent, address)
			if filepath.Dir(neighbour) != filepath.Dir(filepath.Clean(parent)) {
				return "", refused
			}
			return neighbour, nil
		}
		u, err := url.Parse(parent)
		if err != nil || u.Host == "" {
			return "", refused // scp-like: no way to join that git and we agree on
		}
		u.Path = path.Join(u.Path, address)
		return u.String(), CheckRemote(u.String())
	}
	if filepath.IsAbs(address) || strings.HasPrefix(address, "file:") {
		return "", refused
	}
	return address, CheckRemote(address)
}

// SameHost is whether a credential for one address is also one for the other.
func SameHost(a, b string) bool {
	x, y := hostOf(a), hostOf(b)
	return x != "" && x == y
}

// hostOf is the scheme and host of an address, "" where it has none; ssh is
// written as HOST:PATH too.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	host, _, ok := strings.Cut(address, ":")
	if !ok || filepath.IsAbs(address) || strings.Contains(host, "/") {
		return ""
	}
	_, after, named := strings.Cut(host, "@")
	if named {
		host = after
	}
	return "ssh://" + host
}

// bring fetches refs, and a commit that none of them has, into a mirror.
func (m *Mirrors) bring(ctx context.Context, mirror, lock string, r Repository, refs, commit string) error {
	defer m.lock(lock)()
	if _, err := os.Stat(filepath.Join(mirror, "HEAD")); errors.Is(err, fs.ErrNotExist) {
		if err := m.initialise(ctx, mirror); err != nil {
			return err
		}
	}
	open, err := m.open(r)
	if err != nil {
		return err
	}
	defer open.close()
	fetch := func(what string) error {
		_, err := m.run(ctx, mirror, open.environment, append(open.settings, "fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--update-shallow",
			"--no-recurse-submodules", "--end-of-options", r.Remote, what)...)
		if err != nil {
			return explain(r, err)
		}
		return nil
	}
	if err := fetch(refs); err != nil || commit == "" {
		return err
	}
	if _, err := m.run(ctx, mirror, nil, "cat-file", "-e", "--end-of-options", commit+"^{commit}"); err == nil {
		return nil
	}
	return fetch(commit)
}
