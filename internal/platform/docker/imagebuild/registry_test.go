package imagebuild_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const (
	registryUser     = "robot"
	registryPassword = "pw-3f9a1c-of-a-registry"
)

// fakeRegistry serves one image under names that go wrong in ways of their own;
// engines speak plain HTTP with what is on loopback.
type fakeRegistry struct {
	host   string
	digest string
	// closed says at once that it wants a password, as registries do; then
	// engines without one ask for nothing.
	closed bool
	// architecture is that of the image, this machine's by default.
	architecture string
	// blobs are by digest, content types by it too.
	blobs map[string][]byte
}

func newRegistry(t *testing.T) *fakeRegistry {
	t.Helper()
	r := &fakeRegistry{blobs: map[string][]byte{}, architecture: runtime.GOARCH}
	r.push(t)
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(server.Close)
	r.host = server.Listener.Addr().String()
	return r
}

// push makes a new image, to which all names lead then.
func (r *fakeRegistry) push(t *testing.T) {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	content := []byte(uuid.NewString()) // engines keep what they know by its digest
	if err := w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(content)
	_ = w.Close()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(layer.Bytes())
	_ = z.Close()
	config := r.add(map[string]any{"architecture": r.architecture, "os": "linux", "config": map[string]any{"Entrypoint": []string{"/hello"}, "Env": []string{"A=b=c"}, "Volumes": map[string]any{"/v": map[string]any{}}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digestOf(layer.Bytes())}}})
	const docker = "application/vnd.docker."
	r.blobs[digestOf(zipped.Bytes())] = zipped.Bytes()
	manifest := r.add(map[string]any{"schemaVersion": 2, "mediaType": docker + "distribution.manifest.v2+json",
		"config": map[string]any{"mediaType": docker + "container.image.v1+json", "digest": config, "size": len(r.blobs[config])},
		"layers": []any{map[string]any{"mediaType": docker + "image.rootfs.diff.tar.gzip", "digest": digestOf(zipped.Bytes()), "size": zipped.Len()}}})
	r.digest = manifest
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (r *fakeRegistry) add(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	r.blobs[digestOf(text)] = text
	return digestOf(text)
}

// list is an index that has one other architecture.
func (r *fakeRegistry) list() []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","digest":%q,"size":%d,"platform":{"architecture":"s390x","os":"linux"}}]}`,
		r.digest, len(r.blobs[r.digest]))
}

func (r *fakeRegistry) serve(w http.ResponseWriter, q *http.Request) {
	answer := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, strings.ToLower(code))
	}
	name, what, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/v2/"), "/")
	user, password, _ := q.BasicAuth()
	switch {
	case (q.URL.Path == "/v2/" && r.closed || name == "private") && (user != registryUser || password != registryPassword):
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		answer(http.StatusUnauthorized, "UNAUTHORIZED")
	case q.URL.Path == "/v2/":
		w.WriteHeader(http.StatusOK)
	case name == "limited":
		answer(http.StatusTooManyRequests, "TOOMANYREQUESTS")
	case name == "broken":
		answer(http.StatusBadGateway, "UNAVAILABLE")
	case name == "gone":
		answer(http.StatusNotFound, "MANIFEST_UNKNOWN")
	case name == "foreign" && strings.HasPrefix(what, "manifests/"):
		r.write(w, q, r.list())
	default:
		r.content(w, q, what, answer)
	}
}

func (r *fakeRegistry) content(w http.ResponseWriter, q *http.Request, what string, answer func(int, string)) {
	kind, id, _ := strings.Cut(what, "/")
	if kind == "manifests" && !strings.HasPrefix(id, "sha256:") {
		id = r.digest
	}
	blob, ok := r.blobs[id]
	if !ok {
		answer(http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	r.write(w, q, blob)
}

func (r *fakeRegistry) write(w http.ResponseWriter, q *http.Request, blob []byte) {
	var typed struct{ MediaType string }
	w.Header().Set("Content-Type", "application/octet-stream")
	if json.Unmarshal(blob, &typed) == nil && typed.MediaType != "" {
		w.Header().Set("Content-Type", typed.MediaType)
	}
	w.Header().Set("Docker-Content-Digest", digestOf(blob))
	w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
	if q.Method != http.MethodHead {
		_, _ = w.Write(blob)
	}
}
