package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// token is what a password is changed for.
const token = "token-77c2-of-a-registry"

func (r *Registry) serve(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path == "/token" {
		r.token(w, q)
		return
	}
	path := strings.TrimPrefix(q.URL.Path, "/v2/")
	name, what := path, ""
	for _, kind := range []string{"/manifests/", "/blobs/"} {
		if before, after, ok := strings.Cut(path, kind); ok {
			name, what = before, kind[1:]+after
		}
	}
	switch {
	case (q.URL.Path == "/v2/" && r.Closed || name == "private") && !r.open(q):
		r.ask(w, name)
	case q.URL.Path == "/v2/":
		w.WriteHeader(http.StatusOK)
	case name == "limited":
		answer(w, http.StatusTooManyRequests, "TOOMANYREQUESTS")
	case name == "broken":
		answer(w, http.StatusBadGateway, "UNAVAILABLE")
	case name == "gone":
		answer(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
	case name == "slow" && strings.HasPrefix(what, "blobs/"):
		select {
		case <-q.Context().Done():
		case <-r.ending:
		}
	case q.Method == http.MethodGet || q.Method == http.MethodHead:
		r.give(w, q, name, what)
	default:
		r.take(w, q, name, what)
	}
}

func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, strings.ToLower(code))
}

// open is whether a request is signed in.
func (r *Registry) open(q *http.Request) bool {
	if r.Tokens {
		return q.Header.Get("Authorization") == "Bearer "+token
	}
	user, password, _ := q.BasicAuth()
	return user == User && password == Password
}

// ask wants a request to be signed in:
// https://distribution.github.io/distribution/spec/auth/token/
func (r *Registry) ask(w http.ResponseWriter, name string) {
	how := `Basic realm="test"`
	if r.Tokens {
		how = fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host)
		if name != "" {
			how += fmt.Sprintf(`,scope="repository:%s:pull"`, name)
		}
	}
	w.Header().Set("WWW-Authenticate", how)
	answer(w, http.StatusUnauthorized, "UNAUTHORIZED")
}

func (r *Registry) token(w http.ResponseWriter, q *http.Request) {
	user, password, basic := q.BasicAuth()
	if !basic && q.Method == http.MethodPost {
		user, password = q.FormValue("username"), q.FormValue("password")
	}
	if user != User || password != Password {
		answer(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"token":%q,"access_token":%q,"expires_in":300}`, token, token)
}

// give answers with a manifest or a blob.
func (r *Registry) give(w http.ResponseWriter, q *http.Request, name, what string) {
	r.mu.Lock()
	kind, id, _ := strings.Cut(what, "/")
	if kind == "manifests" {
		r.asked++
		if pushed, ok := r.named[name+":"+id]; ok {
			id = pushed
		} else if !strings.HasPrefix(id, "sha256:") {
			id = r.digest
		}
	}
	blob, ok := r.blobs[id]
	if name == "foreign" && kind == "manifests" {
		blob, ok = r.list(), true
	}
	r.mu.Unlock()
	if !ok {
		answer(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
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

// take is a push: a blob in parts, then a manifest.
func (r *Registry) take(w http.ResponseWriter, q *http.Request, name, what string) {
	content, err := io.ReadAll(q.Body)
	if err != nil {
		answer(w, http.StatusBadRequest, "BLOB_UPLOAD_INVALID")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	kind, id, _ := strings.Cut(what, "/")
	status := http.StatusCreated
	switch {
	case kind == "manifests":
		r.blobs[digestOf(content)] = content
		r.named[name+":"+id] = digestOf(content)
		w.Header().Set("Docker-Content-Digest", digestOf(content))
	case q.Method == http.MethodPost:
		id = fmt.Sprintf("uploads/%d", len(r.uploads)+1)
		r.uploads[id], status = nil, http.StatusAccepted
	case q.Method == http.MethodPatch:
		r.uploads[id], status = append(r.uploads[id], content...), http.StatusAccepted
	default:
		blob := append(r.uploads[id], content...)
		if digestOf(blob) != q.URL.Query().Get("digest") {
			answer(w, http.StatusBadRequest, "DIGEST_INVALID")
			return
		}
		r.blobs[digestOf(blob)] = blob
	}
	w.Header().Set("Location", fmt.Sprintf("http://%s/v2/%s/%s/%s", r.Host, name, kind, id))
	if status == http.StatusAccepted {
		w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, len(r.uploads[id])-1)))
	}
	w.WriteHeader(status)
}
