// Package imagebuild makes images from a checkout, by the BuildKit that is
// inside of a Docker engine, and gets those that are not built.
//
// It never writes to a checkout, reads nothing outside of it, and never uses
// what the host's user is signed in to. It starts no container and decides
// nothing about environments.
package imagebuild

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/moby/moby/client"
)

// Engine is what is asked of an engine's client.
type Engine interface {
	images
	DialHijack(ctx context.Context, url, proto string, meta map[string][]string) (net.Conn, error)
	RegistryLogin(context.Context, client.RegistryLoginOptions) (client.RegistryLoginResult, error)
	ServerVersion(context.Context, client.ServerVersionOptions) (client.ServerVersionResult, error)
	ContainerList(context.Context, client.ContainerListOptions) (client.ContainerListResult, error)
}

type images interface {
	ImageInspect(context.Context, string, ...client.ImageInspectOption) (client.ImageInspectResult, error)
	ImageList(context.Context, client.ImageListOptions) (client.ImageListResult, error)
	ImagePull(context.Context, string, client.ImagePullOptions) (client.ImagePullResponse, error)
	ImageRemove(context.Context, string, client.ImageRemoveOptions) (client.ImageRemoveResult, error)
	ImageTag(context.Context, client.ImageTagOptions) (client.ImageTagResult, error)
}

// Config is what a Builder needs to know.
type Config struct {
	Engine Engine
	// Dir is a folder of its own: when each image was last used, and the key by
	// which branches' caches are kept apart.
	Dir string
	// Server is the label of what this server makes.
	Server string
	// MaxFiles and MaxBytes bound what one context may hold once its
	// .dockerignore is applied, 0 for the defaults.
	MaxFiles int
	MaxBytes int64
	// MaxImage bounds what one built image may be large, in bytes, Builds how many
	// images are built at a time, 0 for the defaults.
	MaxImage int64
	Builds   int
	// Silence is after how long without a word of a build or pull it is said what
	// goes on, 0 for the default.
	Silence time.Duration
	// Stalled is how long a pull may get nothing, 0 for the default.
	Stalled time.Duration
	// Call bounds a call that is to be answered at once, 0 for the default.
	Call time.Duration
}

const (
	defaultFiles = 300_000
	defaultBytes = 8 << 30
	defaultCall  = 30 * time.Second
	// silence is what a person bears.
	silence      = 15 * time.Second
	stalled      = 3 * time.Minute
	defaultImage = 20 << 30
	// longest bounds a build that nobody bounded.
	longest = 2 * time.Hour
	keyFile = "cache.key"
)

// Builder builds, finds, pulls and prunes images. It is safe for concurrent use.
type Builder struct {
	Config
	domain  cacheDomain
	flights flights
	uses    uses

	// turn has a place for each image that is built at a time.
	turn chan struct{}
	// asked is held while the engine is asked what runs on it.
	asked sync.Mutex
	arch  string

	// named is held while an image that is there is promised or removed.
	named sync.Mutex
}

// New is a builder; it makes c.Dir where it is missing.
func New(c Config) (*Builder, error) {
	if c.MaxFiles == 0 {
		c.MaxFiles = defaultFiles
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultBytes
	}
	if c.Call == 0 {
		c.Call = defaultCall
	}
	if c.MaxImage == 0 {
		c.MaxImage = defaultImage
	}
	if c.Builds == 0 {
		c.Builds = max(2, runtime.NumCPU())
	}
	if c.Silence == 0 {
		c.Silence = silence
	}
	if c.Stalled == 0 {
		c.Stalled = stalled
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	key, err := secretKey(filepath.Join(c.Dir, keyFile))
	if err != nil {
		return nil, err
	}
	b := &Builder{Config: c, turn: make(chan struct{}, c.Builds), domain: cacheDomain(key), uses: uses{file: filepath.Join(c.Dir, "used.json")}}
	return b, nil
}

// secretKey is what the file holds; the first to ask writes it.
func secretKey(file string) ([]byte, error) {
	key, err := os.ReadFile(file)
	switch {
	case err == nil && len(key) >= 32:
		return key, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return key, writeFile(file, key)
}

// writeFile replaces a file whole.
func writeFile(file string, content []byte) error {
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// Line is one line of what a build or a pull says.
type Line struct {
	At time.Time
	// Image is the name of the build or the reference it is about.
	Image string
	Text  string
	// Far is whether it says how far the build or pull is; else it is what a step
	// wrote.
	Far bool
}

// Credentials answers what a registry is asked with, "" for nothing. docker.io
// is the one that references without a host mean.
type Credentials func(ctx context.Context, host string) (user, password string, err error)

// Options are those of one call; each may be left out.
type Options struct {
	Credentials Credentials
	// Progress is told each line, one at a time; it must not block for long.
	Progress func(Line)
}

func (o Options) say(image, text string, far bool) {
	if o.Progress != nil {
		o.Progress(Line{At: time.Now(), Image: image, Text: text, Far: far})
	}
}
