package staging

import (
	"net/url"
	"regexp"
	"strings"
)

// Site is how a server's environments are reached from outside.
type Site struct {
	// Domain is the suffix of all hosts ("localhost").
	Domain string
	// Pattern is a URL with {host} in it ("http://{host}:8080").
	Pattern string
}

// domain is a name of DNS labels (RFC 1123), in lower case.
var domain = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// IsDomain is whether environments can have names below it: with theirs a host
// has 253 characters at most.
func IsDomain(name string) bool { return len(name) <= 180 && domain.MatchString(name) }

// HostSuffix is the host suffix of the project's environments.
func (p Project) HostSuffix(site Site) string {
	if p.Domain != "" {
		return p.Domain
	}
	return p.Name + "." + site.Domain
}

// Hosts are the names that an environment answers to, each with the service
// behind it. Without a stack it is the environment's own name alone.
func (s Site) Hosts(p Project, e Environment, stack *Stack) map[string]string {
	slugs := []string{e.Slug}
	if e.Kind == KindShared {
		slugs = append(slugs, "staging")
	}
	hosts := map[string]string{}
	for _, slug := range slugs {
		hosts[NormalizeHost(Host(slug, "", true, p.HostSuffix(s)))] = ""
		if stack == nil {
			continue
		}
		hosts[NormalizeHost(Host(slug, "", true, p.HostSuffix(s)))] = stack.Primary
		for _, v := range stack.Services {
			if v.Public && v.Name != stack.Primary && len(v.Ports) > 0 {
				hosts[NormalizeHost(Host(slug, v.Name, false, p.HostSuffix(s)))] = v.Name
			}
		}
	}
	return hosts
}

// URL is where a host is reached.
func (s Site) URL(host string) string { return strings.ReplaceAll(s.Pattern, "{host}", host) }

// PrimaryURL is the environment's URL.
func (s Site) PrimaryURL(p Project, e Environment) string {
	return s.URL(Host(e.Slug, "", true, p.HostSuffix(s)))
}

// URLs are by service, the primary one's too.
func (s Site) URLs(p Project, e Environment, stack *Stack) map[string]string {
	urls := map[string]string{}
	if stack == nil {
		return urls
	}
	for _, v := range stack.Services {
		if v.Public && len(v.Ports) > 0 {
			urls[v.Name] = s.URL(Host(e.Slug, v.Name, v.Name == stack.Primary, p.HostSuffix(s)))
		}
	}
	return urls
}

// Hostname is the host of one of the site's URLs.
func Hostname(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
