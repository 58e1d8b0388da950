// Package registry is a registry of images for tests, on loopback, where engines
// speak plain HTTP. It takes and gives images, wants to be signed in to by password
// or by token, and has names that go wrong in ways of their own.
package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
)

// User and Password open it.
const (
	User     = "robot"
	Password = "pw-3f9a1c-of-a-registry"
)

// Registry serves one image under every name, and what was pushed under its own.
// These names are different: private wants to be signed in, also where the
// registry is open; limited, broken, gone, foreign and slow are as they say.
type Registry struct {
	Host string
	// Closed says at once that it wants to be signed in, as registries do; then
	// engines without a password ask for nothing. Tokens lets passwords be changed
	// for tokens, and takes those alone.
	Closed, Tokens bool
	// Architecture is that of the images that Renew makes.
	Architecture string

	server *httptest.Server
	ending chan struct{}
	mu     sync.Mutex
	digest string
	// blobs are by digest, named what was pushed, by NAME:TAG.
	blobs map[string][]byte
	named map[string]string
	// uploads are by their number, asked how often a manifest was.
	uploads map[string][]byte
	asked   int
}

// New is an open one with an image of this machine's; Close ends it.
func New() *Registry {
	r := &Registry{Architecture: runtime.GOARCH, ending: make(chan struct{}), blobs: map[string][]byte{}, named: map[string]string{}, uploads: map[string][]byte{}}
	r.Renew()
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	r.Host = r.server.Listener.Addr().String()
	return r
}

// Close ends it; what is slow ends first.
func (r *Registry) Close() {
	close(r.ending)
	r.server.Close()
}

// Digest is that of the image to which names lead.
func (r *Registry) Digest() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.digest
}

// Asked is how often somebody wanted to know what a name leads to.
func (r *Registry) Asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// Empty takes all images away.
func (r *Registry) Empty() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blobs = map[string][]byte{}
}

// media begins the types of what a registry holds:
// https://github.com/distribution/distribution/blob/main/docs/content/spec/manifest-v2-2.md
const media = "application/vnd.docker."

// Renew makes a new image, to which all names lead then.
func (r *Registry) Renew() {
	var layer, zipped bytes.Buffer
	w := tar.NewWriter(&layer)
	content := []byte(rand.Text()) // engines keep what they know by its digest
	_ = w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: int64(len(content))})
	_, _ = w.Write(content)
	_ = w.Close()
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(layer.Bytes())
	_ = z.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	config := r.add(map[string]any{"architecture": r.Architecture, "os": "linux", "config": map[string]any{"Entrypoint": []string{"/hello"}, "Env": []string{"A=b=c"}, "Volumes": map[string]any{"/v": map[string]any{}}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digestOf(layer.Bytes())}}})
	r.blobs[digestOf(zipped.Bytes())] = zipped.Bytes()
	r.digest = r.add(map[string]any{"schemaVersion": 2, "mediaType": media + "distribution.manifest.v2+json",
		"config": map[string]any{"mediaType": media + "container.image.v1+json", "digest": config, "size": len(r.blobs[config])},
		"layers": []any{map[string]any{"mediaType": media + "image.rootfs.diff.tar.gzip", "digest": digestOf(zipped.Bytes()), "size": zipped.Len()}}})
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (r *Registry) add(v any) string {
	text, _ := json.Marshal(v) // plain values only: cannot fail
	r.blobs[digestOf(text)] = text
	return digestOf(text)
}

// list is an index that has one other architecture.
func (r *Registry) list() []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%sdistribution.manifest.list.v2+json","manifests":[{"mediaType":"%sdistribution.manifest.v2+json","digest":%q,"size":%d,"platform":{"architecture":"s390x","os":"linux"}}]}`,
		media, media, r.digest, len(r.blobs[r.digest]))
}
