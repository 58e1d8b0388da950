package edge_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestSmugglingIsRefused(t *testing.T) {
	var reached atomic.Int64
	e := made(t, nil)
	e.Put(route(upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" { // a refused one may arrive late, as far as it went
			reached.Add(1)
		}
	})))
	at := served(t, e)
	for name, raw := range map[string]string{
		"two lengths":        "POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"length with sign":   "POST / HTTP/1.1\r\nHost: H\r\nContent-Length: +3\r\n\r\nabc",
		"space before colon": "GET / HTTP/1.1\r\nHost: H\r\nX-Forwarded-For : 6.6.6.6\r\n\r\n",
		"space in a name":    "GET / HTTP/1.1\r\nHost: H\r\nX Forwarded: 6.6.6.6\r\n\r\n",
		"folded header":      "GET / HTTP/1.1\r\nHost: H\r\n folded: x\r\n\r\n",
		"two hosts":          "GET / HTTP/1.1\r\nHost: H\r\nHost: b\r\n\r\n",
		"unknown coding":     "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"coding with a tab":  "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
		"two codings":        "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"bad chunk":          "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		"NUL in a value":     "GET / HTTP/1.1\r\nHost: H\r\nX-A: a\x00b\r\n\r\n",
		"no host":            "GET / HTTP/1.1\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(conn, strings.ReplaceAll(raw, "Host: H", "Host: "+host))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil && resp.StatusCode < 400 {
			t.Errorf("%s: %s", name, resp.Status)
		}
		_ = conn.Close()
	}
	// A length beside chunks is what net/http drops: the chunks count, and the
	// rest is no second request.
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "POST /one HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: nowhere\r\n\r\n")
	in := bufio.NewReader(conn)
	if resp, err := http.ReadResponse(in, nil); err == nil {
		_ = resp.Body.Close()
	}
	if n := reached.Load(); n != 1 {
		t.Errorf("%d requests of one", n)
	}
}
