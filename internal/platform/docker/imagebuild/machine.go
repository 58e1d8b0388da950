package imagebuild

import (
	"context"
	"slices"
	"strings"

	control "github.com/moby/buildkit/api/services/control"

	"offshoot/internal/staging"
)

// suits refuses what is made for other machines: an engine takes it where there is
// nothing else, and it dies when it starts.
func (b *Builder) suits(ctx context.Context, what string, i Info) error {
	of, ok := strings.CutPrefix(i.Platform, "linux/")
	of, _, _ = strings.Cut(of, "/")
	if i.Platform == "" {
		return nil
	}
	own, err := b.machines(ctx)
	if err != nil || ok && slices.Contains(own, of) {
		return err
	}
	return failed(staging.ClassBuild, "", "have it for linux/"+own[0]+": `docker buildx build --platform linux/"+own[0]+"`, and FROM what is for that too",
		"%s is for another architecture: it is %s, and this engine runs linux/%s", what, i.Platform, strings.Join(own, ", linux/"))
}

// machines are the architectures that the engine runs, its own first: others where
// its host emulates them.
func (b *Builder) machines(ctx context.Context) ([]string, error) {
	b.asked.Lock()
	defer b.asked.Unlock()
	if len(b.runs) > 0 {
		return b.runs, nil
	}
	v, err := b.version(ctx)
	if err != nil {
		return nil, disconnected("", err)
	}
	all := []string{v.Arch}
	ctx, cancel := context.WithTimeout(ctx, b.Call)
	defer cancel()
	if cc, err := b.connect(ctx); err == nil {
		defer func() { _ = cc.Close() }()
		// An engine that does not say emulates none, as far as is known.
		workers, _ := control.NewControlClient(cc).ListWorkers(ctx, &control.ListWorkersRequest{})
		for _, w := range workers.GetRecord() {
			for _, p := range w.Platforms {
				if p.OS == "linux" && !slices.Contains(all, p.Architecture) {
					all = append(all, p.Architecture)
				}
			}
		}
	}
	b.runs = all
	return all, nil
}
