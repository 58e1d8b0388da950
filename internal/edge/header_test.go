package edge_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"offshoot/internal/edge"
)

// Whatever a client says of where it comes from, in any spelling and with any
// trick, the service hears what the edge knows.
func TestEverySpellingOfForwardedHeadersIsRemoved(t *testing.T) {
	seen := make(chan http.Header, 1)
	up := upstream(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header })
	e := made(t, nil)
	e.Put(route(up))
	at := served(t, e)
	for name, sent := range map[string]string{
		"as usual":            "X-Forwarded-For: evil\r\nX-Forwarded-Proto: evil\r\nX-Forwarded-Host: evil\r\nX-Real-IP: evil\r\nForwarded: for=evil;host=evil\r\n",
		"case":                "x-FORWARDED-for: evil\r\nX-rEaL-ip: evil\r\nfOrWaRdEd: evil\r\n",
		"underscores":         "X_Forwarded_For: evil\r\nX_Forwarded-Proto: evil\r\nx_real_ip: evil\r\nX-Forwarded_Host: evil\r\n",
		"relatives":           "X-Forwarded-Port: evil\r\nX-Forwarded-Ssl: evil\r\nX-Forwarded-Prefix: evil\r\nX-Forwarded-User: evil\r\nX-Forwarded-Scheme: evil\r\nX-Original-URL: evil\r\nX-Rewrite-URL: evil\r\nTrue-Client-IP: evil\r\nCF-Connecting-IP: evil\r\nX-Original-Forwarded-For: evil\r\nX-Client-IP: evil\r\n",
		"ours":                "X-Offshoot-User: evil\r\nX_Offshoot_User: evil\r\nX-Offshoot-Phase: evil\r\n",
		"twice":               "X-Forwarded-For: evil\r\nX-Forwarded-For: 127.0.0.1, evil\r\n",
		"named as hop-by-hop": "Connection: X-Forwarded-For, X-Real-Ip, X-Forwarded-Host, X-Forwarded-Proto, Forwarded\r\nX-Forwarded-For: evil\r\n",
		"hop-by-hop close":    "Connection: close, X-Forwarded-For\r\n",
		"CGI":                 "Proxy: evil\r\n",
	} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+host+":8080\r\nX-Mine: kept\r\n"+sent+"\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %v %v", name, resp, err)
		}
		_ = conn.Close()
		h := <-seen
		for key, values := range h {
			if strings.Contains(strings.Join(values, " "), "evil") {
				t.Errorf("%s: %s: %v came through", name, key, values)
			}
		}
		for key, want := range map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Host": host + ":8080", "X-Forwarded-Proto": "http",
			"Forwarded": `for=127.0.0.1;host="` + host + `:8080";proto=http`, "X-Mine": "kept"} {
			if v := h.Values(key); len(v) != 1 || v[0] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, v, want)
			}
		}
	}
}

func TestTheSchemePeopleUseIsForwarded(t *testing.T) {
	e := edge.New(edge.Config{Wake: func(string) {}, Scheme: "https"})
	t.Cleanup(e.Stop)
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-Proto"))
	})))
	if _, body := get(t, e, host); body != "https" {
		t.Error(body)
	}
}

func TestNoHTTP2ByUpgrade(t *testing.T) {
	e := made(t, nil)
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Upgrade")+r.Header.Get("Connection")+r.Header.Get("Http2-Settings"))
	})))
	w := ask(e, http.MethodGet, host, "Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "Http2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA")
	if w.Code != 200 || w.Body.String() != "" {
		t.Errorf("%d: the upstream was asked for %q", w.Code, w.Body)
	}
}

func TestNothingIsIndexedAwayFromLoopback(t *testing.T) {
	const public = "a.shop.staging.example.com"
	e := made(t, nil)
	r := route(upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Robots-Tag", "all") }))
	r.Hosts[public] = r.Hosts[host]
	e.Put(r)
	if tag := ask(e, http.MethodGet, public).Header()["X-Robots-Tag"]; len(tag) != 1 || tag[0] != "noindex, nofollow" {
		t.Errorf("%v", tag)
	}
	if tag := ask(e, http.MethodGet, host).Header().Get("X-Robots-Tag"); tag != "all" {
		t.Errorf("on loopback: %q", tag)
	}
}
