package edge

import (
	"net/http"
	"strings"
)

// machines are parts of what crawlers, link unfurlers, health checks and uptime
// monitors call themselves, in lower case: they keep nothing alive. Browsers
// driven by tests are not among them.
var machines = []string{
	"bot", "crawl", "spider", "slurp", "scrapy", "archive.org", "mediapartners", "feedfetcher", "google-read-aloud", // crawlers
	"facebookexternalhit", "facebookcatalog", "unfurl", "slack-imgproxy", "whatsapp", "telegram", "skypeuripreview", "iframely", "embedly", "vkshare",
	"pinterest", "bitlybot", "quora link preview", "link preview", "microsoft-teams", "mattermost", "zulip", "matrix", "synapse", "mastodon", // unfurlers
	"uptime", "pingdom", "statuscake", "site24x7", "datadog", "newrelicpinger", "updown.io", "hetrixtools", "nodeping", "freshping", "checkly",
	"betterstack", "monitoring", "monitis", "gatus", "zabbix", "nagios", "icinga", "check_http", "blackbox", "prometheus", "grafana", "sentry/", // monitors
	"kube-probe", "elb-healthchecker", "googlehc", "googlestackdriver", "consul health", "envoy/hc", "health check", "healthcheck", "haproxy", "traefik", // health checks
}

// phones whose name happens to look like a machine's.
var people = []string{"cubot"}

// person is whether a request counts as activity.
func person(r *http.Request) bool {
	agent := strings.ToLower(r.UserAgent())
	for _, p := range people {
		agent = strings.ReplaceAll(agent, p, "")
	}
	for _, m := range machines {
		if strings.Contains(agent, m) {
			return false
		}
	}
	for _, name := range []string{"Purpose", "Sec-Purpose", "X-Purpose", "X-Moz"} {
		if v := strings.ToLower(r.Header.Get(name)); strings.HasPrefix(v, "prefetch") || strings.HasPrefix(v, "prerender") || v == "preview" {
			return false // a browser that guesses what its person may want
		}
	}
	return true
}

// navigates is whether a person's browser waits for a page. A form that is sent
// is not asked again by a page that reloads, so it waits like a program.
func navigates(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}
