package control

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// gitCredential is the kind of what opens a project's repository.
const gitCredential = "git"

// credential opens a project's key to its repository, nil for none.
func (s *Service) credential(ctx context.Context, project string) (*source.Credential, error) {
	var c source.Credential
	if there, err := s.opened(ctx, project, gitCredential, &c); !there {
		return nil, err
	}
	return &c, nil
}

// opened reads what a project keeps of a kind, false where it keeps nothing or
// nothing that can be read.
func (s *Service) opened(ctx context.Context, project, kind string, into any) (bool, error) {
	sealed, err := s.Store.Credential(ctx, project, kind)
	if staging.CodeOf(err) == staging.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	text, err := s.Key.Open(sealed)
	if err != nil {
		return false, err
	}
	if json.Unmarshal([]byte(text), into) != nil { // its error would show some of it
		return false, staging.Errorf(staging.CodeInternal, "offshoot project credential set "+kind, "the %s credential of %s is damaged", kind, project)
	}
	return true, nil
}

// Credentials says which there are, never what they are.
func (s *Service) Credentials(ctx context.Context, project string) ([]wire.Credential, error) {
	if _, err := s.Store.Project(ctx, project); err != nil {
		return nil, noProject(err)
	}
	list := []wire.Credential{}
	c, err := s.credential(ctx, project)
	if err != nil {
		return list, err
	}
	if c != nil {
		list = append(list, wire.Credential{Kind: gitCredential, User: c.User})
	}
	registries, err := s.registries(ctx, project)
	for _, host := range slices.Sorted(maps.Keys(registries)) {
		list = append(list, wire.Credential{Kind: registryCredential, User: registries[host].User, Host: host})
	}
	return list, err
}

// SetCredential keeps a credential sealed, or forgets it where it is empty. A
// new one is tried first: one that does not open the repository is refused.
func (s *Service) SetCredential(ctx context.Context, actor, project string, r wire.SetCredential) error {
	if r.Kind == registryCredential {
		return s.setRegistry(ctx, actor, project, r)
	}
	if r.Kind != gitCredential {
		return staging.NotBuilt("the credential " + r.Kind)
	}
	p, err := s.Store.Project(ctx, project)
	if err != nil {
		return noProject(err)
	}
	c := source.Credential{User: r.User, Secret: strings.TrimRight(r.Secret, "\r\n"), KnownHosts: r.KnownHosts}
	if c.Secret == "" {
		return s.keep(ctx, actor, project, gitCredential, nil)
	}
	if err := s.fetchWith(ctx, p, &c); err != nil {
		return err
	}
	sealed, err := s.seal(c)
	if err != nil {
		return err
	}
	if err := s.firstFetched(ctx, p); err != nil {
		return err
	}
	return s.keep(ctx, actor, project, gitCredential, sealed)
}

func (s *Service) seal(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.Key.Seal(string(text))
}

// firstFetched guesses what could not be guessed when a private project was
// added.
func (s *Service) firstFetched(ctx context.Context, p staging.Project) error {
	if !p.FetchedAt.IsZero() {
		return nil
	}
	heads, err := s.Source.Branches(ctx, p.Name)
	if err != nil {
		return err
	}
	return s.Store.Write(ctx, func(t *store.Tx) error {
		p, err := t.Project(ctx, p.Name)
		if err != nil {
			return err
		}
		if _, ok := heads[p.DefaultBranch]; !ok && p.StagingBranch == p.DefaultBranch {
			p.DefaultBranch, p.StagingBranch = "", ""
			guessBranches(&p, heads)
		}
		p.FetchedAt = s.Now()
		return t.PutProject(ctx, p)
	})
}

func (s *Service) keep(ctx context.Context, actor, project, kind string, sealed []byte) error {
	return s.Store.Write(ctx, func(t *store.Tx) error {
		message := "the " + kind + " credential was set"
		if sealed == nil {
			message = "the " + kind + " credential was removed"
			if err := t.DeleteCredential(ctx, project, kind); err != nil {
				return err
			}
		} else if err := t.PutCredential(ctx, project, kind, sealed); err != nil {
			return err
		}
		_, err := t.AppendEvent(ctx, staging.Event{At: s.Now(), Type: "project.credential", Project: project, Actor: actor, Message: message})
		return err
	})
}
