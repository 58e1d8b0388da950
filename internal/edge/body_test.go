package edge_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestContinueComesFromTheUpstream(t *testing.T) {
	var reading atomic.Bool
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		reading.Store(true)
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	})
	woken := make(chan struct{}, 1)
	e := made(t, func(string) { woken <- struct{}{} })
	e.Put(held(up))
	at := served(t, e)
	send := func(path string, body io.Reader) *http.Request {
		r := request(t, http.MethodPost, at, path, body)
		r.Header.Set("Expect", "100-continue")
		return r
	}
	go func() { <-woken; e.Put(route(up)) }()
	early := readerFunc(func([]byte) (int, error) {
		if !reading.Load() {
			t.Error("the body is read before the upstream asks for it")
		}
		return 0, io.EOF
	})
	if _, body := do(t, client(t, false), send("/", io.MultiReader(early, strings.NewReader("12345")))); body != "5" {
		t.Errorf("%s bytes came", body)
	}
	unread := readerFunc(func([]byte) (int, error) { t.Error("a refused body is sent"); return 0, io.EOF })
	if resp, _ := do(t, client(t, false), send("/refuse", unread)); resp.StatusCode != 413 {
		t.Error(resp.Status)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

func TestLargeBodiesAreStreamedBothWays(t *testing.T) {
	size := int64(1 << 30)
	if testing.Short() {
		size = 64 << 20
	}
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != size {
			t.Errorf("%d bytes came: %v", n, err)
		}
		_, _ = io.Copy(w, &zeros{left: size})
	})
	e := made(t, nil)
	e.Put(route(up))
	at := served(t, e)
	var peak atomic.Uint64
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	}()
	resp, err := client(t, false).Do(request(t, http.MethodPost, at, "/", &zeros{left: size}))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	close(done)
	if err != nil || n != size {
		t.Errorf("%d bytes came back: %v", n, err)
	}
	if peak.Load() > 64<<20 {
		t.Errorf("%d MB of memory for one request", peak.Load()>>20)
	}
}

func TestBuffersAreNotShared(t *testing.T) {
	e := made(t, nil)
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})))
	at := served(t, e)
	c := client(t, false)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				sent := bytes.Repeat([]byte{byte(i*20 + j)}, 100_000+i)
				resp, err := c.Do(request(t, http.MethodPost, at, "/", bytes.NewReader(sent)))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || sha256.Sum256(got) != sha256.Sum256(sent) {
					t.Errorf("another body came back: %v", err)
				}
			}
		})
	}
	all.Wait()
}

// An upstream that answers before it has read everything is heard to the end.
func TestAnEarlyAnswerIsWhole(t *testing.T) {
	e := made(t, nil)
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1000)
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = w.Write(bytes.Repeat([]byte("x"), 200_000))
	})))
	at := served(t, e)
	for _, size := range []int64{2_000, 100_000, 4 << 20} {
		for range 10 {
			resp, err := client(t, false).Do(request(t, http.MethodPost, at, "/", &zeros{left: size}))
			if err != nil {
				continue // the client itself gave up sending
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusRequestEntityTooLarge || err == nil && len(got) != 200_000 {
				t.Errorf("%d bytes: %s, %d bytes of the answer, %v", size, resp.Status, len(got), err)
			}
			if err != nil {
				t.Errorf("%d bytes: the answer is cut: %v", size, err)
			}
		}
	}
}
