package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker/hold"
	"offshoot/internal/staging"
)

// DataUser is the user and group that data servers run as, in every container
// and on the host: their files lie there.
const DataUser = 1_899_900_001

// startsAgain is the engine's policy for what a crash is answered by a new start:
// the weaker one leaves what an engine was killed with as somebody's wish to stop
// it, and nothing of ours is ever left stopped.
const startsAgain = container.RestartPolicyAlways

const defaultGrace = 10 * time.Second

func graceOf(w *staging.WorkloadSpec) time.Duration {
	if w.StopGrace <= 0 {
		return defaultGrace
	}
	return w.StopGrace
}

// options are what the engine is asked to make.
func (d *Driver) options(ctx context.Context, r platform.Resource) (client.ContainerCreateOptions, error) {
	w := r.Workload
	none := client.ContainerCreateOptions{}
	image, err := d.image(w)
	if err != nil {
		return none, err
	}
	config, err := d.config(ctx, r, image)
	if err != nil {
		return none, err
	}
	host, err := d.hostConfig(r)
	if err != nil {
		return none, err
	}
	settings := &network.EndpointSettings{Aliases: append([]string{w.Service}, w.Aliases...)}
	address, ok, err := d.addressOf(r.Owner, w.Instance)
	if err != nil {
		return none, err
	}
	if ok {
		settings.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: address}
	}
	if at, ok, err := d.nameServer(r.Owner); err != nil {
		return none, err
	} else if ok {
		host.DNS = []netip.Addr{at}
	}
	name := d.engineName(scopeName(r.Owner))
	host.NetworkMode = container.NetworkMode(name)
	return client.ContainerCreateOptions{Name: d.engineName(r.Name), Config: config, HostConfig: host,
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{name: settings}}}, nil
}

func (d *Driver) image(w *staging.WorkloadSpec) (string, error) {
	if w.Built == "" {
		if w.Image == "" {
			return "", staging.Errorf(staging.ClassCode(staging.ClassStart), "give it an image or a build", "nothing says which image %s runs", w.Service)
		}
		return w.Image, nil
	}
	if d.builder == nil {
		return "", staging.NotBuilt("building images")
	}
	image := d.builder.Image(w.Artifact, w.Built)
	if image == "" {
		return "", staging.Errorf(staging.CodeInternal, "", "the artifact %q holds no image %q", w.Artifact, w.Built)
	}
	return image, nil
}

func (d *Driver) config(ctx context.Context, r platform.Resource, image string) (*container.Config, error) {
	w := r.Workload
	grace := int(math.Ceil(graceOf(w).Seconds()))
	c := &container.Config{Image: image, Hostname: hostname(w), WorkingDir: w.Dir, Labels: d.workloadLabels(r), StopSignal: w.StopSignal, StopTimeout: &grace,
		// Health is asked by the control plane.
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}}
	for _, k := range slices.Sorted(maps.Keys(w.Env)) {
		c.Env = append(c.Env, k+"="+w.Env[k])
	}
	if x := w.Container; x != nil {
		c.Entrypoint, c.User, c.Tty, c.OpenStdin, c.Domainname = x.Entrypoint, x.User, x.TTY, x.Stdin, x.Domainname
	}
	if w.Role == staging.RoleData && c.User == "" {
		c.User = fmt.Sprintf("%d:%d", DataUser, DataUser)
	}
	c.Cmd = argv(w.Command)
	if w.Hold {
		c.Entrypoint, c.Cmd = []string{"sleep"}, []string{"infinity"}
		if d.holder != "" {
			if err := d.keepHolder(ctx); err != nil {
				return nil, err
			}
			c.Entrypoint, c.Cmd = []string{hold.Path}, nil
		}
	}
	if !w.Arguments && (w.Role == staging.RoleTask || w.Command.Shell != "") && len(c.Cmd) > 0 && c.Entrypoint == nil {
		keep, err := d.wraps(ctx, r, image)
		if err != nil {
			return nil, err
		}
		if !keep {
			c.Entrypoint, c.Cmd = c.Cmd, nil
		}
	}
	return c, nil
}

// hostname is one of RFC 1123, or none.
func hostname(w *staging.WorkloadSpec) string {
	name := w.Service
	if w.Container != nil && w.Container.Hostname != "" {
		return w.Container.Hostname
	}
	if len(name) > 63 || strings.Contains(name, ".") {
		return ""
	}
	return strings.ReplaceAll(name, "_", "-")
}

func argv(c staging.Command) []string {
	if c.Shell != "" {
		return []string{"sh", "-c", c.Shell}
	}
	return c.Args
}

// wraps is whether an image's entrypoint is only there to run what follows: then
// a task's own command is run by it as well, else in its place.
func (d *Driver) wraps(ctx context.Context, r platform.Resource, image string) (bool, error) {
	look := func() (client.ImageInspectResult, error) {
		return call(ctx, d.engine, lookTime, "look at an image", func(ctx context.Context) (client.ImageInspectResult, error) {
			return d.client.ImageInspect(ctx, image)
		})
	}
	found, err := look()
	if isImage(err) && d.pulls(r.Workload) {
		if err := d.pull(ctx, r.Workload.Labels["project"], image); err != nil {
			return false, err
		}
		found, err = look()
	}
	if err != nil {
		return false, noImage(image, err)
	}
	if found.Config == nil {
		return true, nil
	}
	for _, word := range found.Config.Entrypoint {
		name := path.Base(word)
		if !strings.Contains(name, "entrypoint") && !slices.Contains([]string{"tini", "dumb-init", "docker-init", "--"}, name) {
			return false, nil
		}
	}
	return true, nil
}

func (d *Driver) hostConfig(r platform.Resource) (*container.HostConfig, error) {
	w := r.Workload
	h := &container.HostConfig{
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig:     container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "8m", "max-file": "3"}},
	}
	if w.Restart && r.Kind == staging.ResourceWorkload {
		h.RestartPolicy.Name = startsAgain
		if w.Once {
			h.RestartPolicy.Name = container.RestartPolicyOnFailure
		}
	}
	cpus := w.Limits.CPUs
	if d.processors > 0 { // the engine refuses more than there are
		cpus = min(cpus, float64(d.processors))
	}
	h.NanoCPUs = int64(cpus * 1e9)
	h.Memory, h.MemorySwap = w.Limits.Memory, w.Limits.Memory
	if w.Limits.PIDs > 0 {
		h.PidsLimit = &w.Limits.PIDs
	}
	for _, name := range slices.Sorted(maps.Keys(w.Hosts)) {
		h.ExtraHosts = append(h.ExtraHosts, name+":"+w.Hosts[name])
	}
	mounts(w, h, d.ownCheckouts(r.Name))
	if w.Hold && d.holder != "" {
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: d.holder, Target: hold.Path, ReadOnly: true})
	}
	return h, special(w.Container, h)
}

// mounts are a workload's; own is where its copies of parts of the checkout lie.
func mounts(w *staging.WorkloadSpec, h *container.HostConfig, own string) {
	for i, m := range w.Mounts {
		source := m.Source
		if m.Checkout {
			source = filepath.Join(own, strconv.Itoa(i))
		}
		switch {
		case m.Tmpfs && m.Options != "":
			if h.Tmpfs == nil {
				h.Tmpfs = map[string]string{}
			}
			h.Tmpfs[m.Target] = m.Options // a mount of the other kind has none
		case m.Tmpfs:
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeTmpfs, Target: m.Target, ReadOnly: m.ReadOnly})
		case m.Fill && !m.ReadOnly: // the engine has no volume without a name that is read-only
			h.Mounts = append(h.Mounts, volume(source, m))
		default:
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: source, Target: m.Target, ReadOnly: m.ReadOnly,
				BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate}})
		}
		for _, name := range m.Keep { // an anonymous volume begins with what the image has there
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Target: path.Join(m.Target, name)})
		}
	}
	h.Mounts = append(h.Mounts, fileMounts(w, own)...)
}

// volume is a directory of ours as the engine's own volumes are: where it is empty
// it gets what the image has at that place, and its owner. Only the directory's
// name is the engine's, and goes with the container.
func volume(source string, m staging.HostMount) mount.Mount {
	return mount.Mount{Type: mount.TypeVolume, Target: m.Target, VolumeOptions: &mount.VolumeOptions{DriverConfig: &mount.Driver{Name: "local",
		Options: map[string]string{"type": "none", "o": "bind", "device": source}}}}
}

// special is what Compose alone can say.
func special(x *staging.Container, h *container.HostConfig) error {
	if x == nil {
		return nil
	}
	if x.Init {
		h.Init = &x.Init
	}
	h.GroupAdd, h.ReadonlyRootfs, h.ShmSize, h.CapDrop, h.CapAdd, h.Sysctls = x.Groups, x.ReadOnly, x.SharedMemory, x.CapDrop, x.CapAdd, x.Sysctls
	if x.NoNewPrivileges {
		h.SecurityOpt = []string{"no-new-privileges"}
	}
	if x.NoIPC {
		h.IpcMode = container.IPCModeNone
	}
	if x.OwnCgroups {
		h.CgroupnsMode = container.CgroupnsModePrivate
	}
	h.DNSSearch, h.DNSOptions = x.DNSSearch, x.DNSOptions
	for _, name := range slices.Sorted(maps.Keys(x.Ulimits)) {
		h.Ulimits = append(h.Ulimits, &container.Ulimit{Name: name, Soft: x.Ulimits[name].Soft, Hard: x.Ulimits[name].Hard})
	}
	for _, name := range slices.Sorted(maps.Keys(x.ExtraHosts)) {
		for _, address := range x.ExtraHosts[name] {
			h.ExtraHosts = append(h.ExtraHosts, name+":"+address)
		}
	}
	var errs []error
	for _, server := range x.DNS {
		a, err := netip.ParseAddr(server)
		if err != nil {
			errs = append(errs, staging.Errorf(staging.ClassCode(staging.ClassStart), "write an address", "dns: %s is none", strconv.Quote(server)))
		}
		h.DNS = append(h.DNS, a)
	}
	return errors.Join(errs...)
}
