package edge

import (
	"net/http"
	"strings"
)

// machines are parts of what crawlers, link unfurlers, health checks and uptime
// monitors call themselves, in lower case and with spaces for - and _: they keep
// nothing alive. Browsers and programs driven by tests are not among them.
var machines = []string{
	"bot", "crawl", "spider", "slurp", "scrapy", "archive.org", "ia archiver", "mediapartners", "feedfetcher", "google read aloud", "google inspectiontool",
	"google safety", "linkcheck", "link check", // crawlers
	"facebookexternalhit", "facebookcatalog", "unfurl", "slack imgproxy", "whatsapp", "telegrambot", "skypeuripreview", "iframely", "embedly", "vkshare",
	"pinterest/0", "link preview", "notion", "trello", "ms office", "microsoft office", "microsoft teams", "mattermost", "zulip", "matrix", "synapse", "mastodon", // unfurlers
	"github camo", "github hookshot", "gitlab/", // what forges fetch
	"uptime", "pingdom", "statuscake", "site24x7", "datadog", "newrelicpinger", "updown.io", "hetrixtools", "nodeping", "freshping", "checkly",
	"betterstack", "monitoring", "monitis", "gatus", "zabbix", "nagios", "icinga", "check http", "blackbox", "prometheus", "sentry/", // monitors
	"kube probe", "elb healthchecker", "googlehc", "googlestackdriver", "envoy/hc", "health check", "healthcheck", "traffic manager", "haproxy", "traefik", // health checks
}

// spelled makes one spelling of what machines call themselves.
var spelled = strings.NewReplacer("-", " ", "_", " ", "cubot", "") // a phone whose name happens to look like a machine's

// person is whether a request counts as activity.
func person(r *http.Request) bool {
	agent := spelled.Replace(strings.ToLower(r.UserAgent()))
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
