package edge

import (
	"io"
	"log"
	"net"
	"net/http/httputil"
	"strings"
)

// forwarded removes what a client may have said of where it comes from, and
// says what the edge knows.
func forwarded(r *httputil.ProxyRequest, scheme string) {
	h := r.Out.Header
	for name := range h {
		if ours(name) {
			delete(h, name)
		}
	}
	// An upgrade to HTTP/2 would carry requests past all of this.
	if up := strings.ToLower(h.Get("Upgrade")); up != "" && !strings.HasPrefix(up, "websocket") && (strings.Contains(up, "h2c") || strings.Contains(up, "tls") || strings.Contains(up, "http")) {
		delete(h, "Upgrade")
		delete(h, "Connection")
		delete(h, "Http2-Settings")
	}
	proto := scheme
	if proto == "" {
		proto = "http"
		if r.In.TLS != nil {
			proto = "https"
		}
	}
	from := r.In.RemoteAddr
	if ip, _, err := net.SplitHostPort(r.In.RemoteAddr); err == nil {
		from = ip
	}
	h["X-Forwarded-For"], h["X-Real-Ip"] = []string{from}, []string{from}
	h["X-Forwarded-Host"], h["X-Forwarded-Proto"] = []string{r.In.Host}, []string{proto}
	h["Forwarded"] = []string{"for=" + quoted(from) + `;host="` + r.In.Host + `";proto=` + proto} // RFC 7239
}

// quoted is an address as RFC 7239, section 6, wants it.
func quoted(ip string) string {
	if strings.Contains(ip, ":") {
		return `"[` + ip + `]"`
	}
	return ip
}

// ours are headers that the edge alone may set, in every spelling that a
// framework could take for them: CGI and its heirs do not tell - from _.
func ours(name string) bool {
	n := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), "_", "-"))
	switch n {
	case "forwarded", "x-real-ip", "x-client-ip", "x-scheme", "x-original-host", "x-original-url", "x-rewrite-url", "x-cluster-client-ip", "x-host",
		"true-client-ip", "client-ip", "cf-connecting-ip", "fastly-client-ip", "x-envoy-external-address", "front-end-https", "x-url-scheme",
		"proxy": // would set HTTP_PROXY in CGI programs
		return true
	}
	return strings.HasPrefix(n, "x-forwarded") || strings.HasPrefix(n, "x-offshoot") || strings.HasPrefix(n, "x-original-forwarded")
}

// silent is the log of what ReverseProxy says of clients that went away.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
