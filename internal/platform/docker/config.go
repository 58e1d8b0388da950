// Package docker is the platform that runs workloads as containers of a Docker
// engine, by its API from 1.41 up.
//
// What it holds:
//
//   - The engine is the memory. A container or network has the ledger's name as
//     its name and everything that must be known of it as labels, so a new server
//     adopts what an old one made. What the engine cannot keep lies in files of
//     Dir/docker: which subnet, which addresses, logs of containers that are gone,
//     which tasks began, how they ended, and which ran into their time limit. Each
//     is written before it is so: a task whose container somebody removed is not
//     begun again.
//   - Names and labels carry an id of the data directory's own: two servers on
//     one engine never see each other's things. What has one of our names and not
//     our label is somebody else's: it is never touched, and said.
//   - An engine that does not answer makes everything unknown, nothing absent.
//   - A scope is a network with a /24 of its own. Its first address is the host's,
//     on which the server itself listens; up to .127 are instances, each with one
//     that stays; what has none (tasks) gets one of the rest.
//   - Where this process may, it fences networks on this host (package fence): what
//     is in one reaches what the server itself listens on for it, nothing else of the
//     host and no other environment. Where connections outside are listed it answers
//     its questions for names too, and lets through what it answered. Bridges have names by which the fence knows them.
//   - A container that was made and never started is absent, and listed. So is one
//     that was started ahead: its program waits at a gate until it is told to begin,
//     and is then the container's first process, as if it had always been.
//   - A workload that ends is started again by the engine, also with no server.
//     It fails once it was started again several times and has not run for some
//     seconds since. Health is asked by the control plane: checks of images are off.
//   - The time limit of a task is kept by the server: one that comes back later
//     ends at once what ran too long meanwhile.
//   - Waiting is one stream of the engine's events for all, from a moment of its
//     clock on, resumed where it broke off. It is asked every half minute whether it still answers.
//   - What a workload mounts of its checkout are copies of its own, each by itself
//     and gone with it; links in it lead nowhere outside.
//   - A directory that is to be filled is as the engine's own volumes are: where it
//     is empty it gets what the image has there, with its owner. What is kept below
//     a mount is a volume of the container's, which begins so too.
//   - No value of an environment or file is in a label or an argument.
package docker

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/moby/moby/client"
)

// Config is what a driver needs to know.
type Config struct {
	// Dir is the server's data directory; the driver's own files lie in
	// Dir/docker.
	Dir string
	// Host is the engine as DOCKER_HOST names it; "" is the usual socket. The
	// keys for tcp:// are those of DOCKER_CERT_PATH, those for ssh:// its user's.
	// It must be on this host: else nothing is made on it.
	Host string
	Log  *slog.Logger
	// Holder is this program as a file that needs no other (hold.Main), "" where
	// images must be able to wait themselves.
	Holder string
	// Pool is what environments' subnets are taken from, each a /24; the zero
	// value is 10.213.0.0/16.
	Pool netip.Prefix
	// Open are TCP ports that environments may reach at each address of this host.
	Open []uint16
	// Find is how the names of listed hosts are found; nil is as this host does.
	Find func(ctx context.Context, name string) ([]netip.Addr, error)
	// Builder is what makes images on the driver's engine, with the value of the
	// label offshoot.server; nil where nothing is built or pulled.
	Builder func(engine *client.Client, server string) (Builder, error)
}
