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
	own, err := b.machine(ctx)
	if err != nil || ok && of == own {
		return err
	}
	all := b.emulated(ctx, own)
	if ok && slices.Contains(all, of) {
		return nil
	}
	return failed(staging.ClassBuild, "", "have it for linux/"+own+": `docker buildx build --platform linux/"+own+"`, and FROM what is for that too",
		"%s is for another architecture: it is %s, and this engine runs linux/%s", what, i.Platform, strings.Join(all, ", linux/"))
}

// machine is the engine's own architecture.
func (b *Builder) machine(ctx context.Context) (string, error) {
	b.asked.Lock()
	defer b.asked.Unlock()
	if b.arch != "" {
		return b.arch, nil
	}
	v, err := b.version(ctx)
	if err != nil {
		return "", disconnected("", err)
	}
	b.arch = v.Arch
	return b.arch, nil
}

// emulated are own and the architectures that the engine's host runs besides; one
// that does not say emulates none, as far as is known.
func (b *Builder) emulated(ctx context.Context, own string) []string {
	all := []string{own}
	ctx, cancel := context.WithTimeout(ctx, b.Call)
	defer cancel()
	cc, err := b.connect(ctx)
	if err != nil {
		return all
	}
	defer func() { _ = cc.Close() }()
	workers, _ := control.NewControlClient(cc).ListWorkers(ctx, &control.ListWorkersRequest{})
	for _, w := range workers.GetRecord() {
		for _, p := range w.Platforms {
			if p.OS == "linux" && !slices.Contains(all, p.Architecture) {
				all = append(all, p.Architecture)
			}
		}
	}
	return all
}
