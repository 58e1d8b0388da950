package edge_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"offshoot/internal/edge"
	"offshoot/internal/staging"
)

// took is how long a request waits, on a clock that only stands still while
// something runs.
func took(t *testing.T, e http.Handler, method string, header ...string) (*httptest.ResponseRecorder, time.Duration) {
	t.Helper()
	begun := time.Now()
	w := ask(e, method, host, header...)
	return w, time.Since(begun)
}

func TestWhatWaitsIsAnsweredInTime(t *testing.T) {
	for name, x := range map[string]struct {
		method string
		header []string
		wait   time.Duration
		page   bool
	}{
		"a program":                    {http.MethodGet, nil, time.Minute, false},
		"a program that asks for HTML": {http.MethodGet, []string{"Accept", "text/html"}, time.Minute, false},
		"a POST":                       {http.MethodPost, nil, time.Minute, false},
		"fetch":                        {http.MethodGet, []string{"Sec-Fetch-Mode", "cors"}, time.Minute, false},
		"a browser":                    {http.MethodGet, []string{"Sec-Fetch-Mode", "navigate"}, 10 * time.Second, true},
		"a browser's form":             {http.MethodPost, []string{"Sec-Fetch-Mode", "navigate"}, time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := edge.New(edge.Config{Wake: func(string) {}})
				e.Put(held())
				w, d := took(t, e, x.method, x.header...)
				if d != x.wait || w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("X-Offshoot-Phase") != "waking" {
					t.Errorf("after %s: %d %v", d, w.Code, w.Header())
				}
				if html := strings.Contains(w.Body.String(), "<html"); html != x.page {
					t.Errorf("page %t: %s", html, w.Body)
				}
			})
		})
	}
}

func TestACrowdWakesOnceAndAgainOnlyAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wakes atomic.Int64
		e := edge.New(edge.Config{Wake: func(string) { wakes.Add(1) }})
		e.Put(held())
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if w := ask(e, http.MethodGet, host); w.Code != 404 {
					t.Errorf("%d", w.Code)
				}
			})
		}
		synctest.Wait()
		if n := wakes.Load(); n != 1 {
			t.Errorf("a crowd wakes %d times", n)
		}
		time.Sleep(5500 * time.Millisecond) // the bubble's clock: nothing waits
		if n := wakes.Load(); n < 4 || n > 6 {
			t.Errorf("asked %d times in 5 s", n)
		}
		time.Sleep(40 * time.Second)
		if n := wakes.Load(); n > 35 {
			t.Errorf("asked %d times in 45 s: more than its bucket has", n)
		}
		e.Remove("env_a")
		all.Wait()
	})
}

func TestWhoWaitsIsLetInWhenItIsAwake(t *testing.T) {
	woken := make(chan struct{}, 1)
	e := edge.New(edge.Config{Wake: func(string) { woken <- struct{}{} }})
	t.Cleanup(e.Stop)
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Method", r.Method) })
	e.Put(held(up))
	var all sync.WaitGroup
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
		all.Go(func() {
			if w := ask(e, method, host); w.Code != 200 || w.Header().Get("X-Method") != method {
				t.Errorf("%s: %d", method, w.Code)
			}
		})
	}
	<-woken
	e.Put(route(up))
	all.Wait()
}

func TestAWakeThatFailsIsSaidToThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e *edge.Edge
		var wakes atomic.Int64
		e = edge.New(edge.Config{Wake: func(id string) {
			wakes.Add(1)
			go e.Fail(id, &staging.Failure{Class: staging.ClassHealth, Message: "web does not answer", Hint: "look at it"})
		}})
		e.Put(held())
		for range 2 { // the next one tries anew
			w, d := took(t, e, http.MethodGet)
			if w.Code != 503 || d > time.Second || !strings.Contains(w.Body.String(), "web does not answer") || !strings.Contains(w.Body.String(), `"class":"health"`) {
				t.Errorf("after %s: %d %s", d, w.Code, w.Body)
			}
		}
		if wakes.Load() != 2 {
			t.Errorf("%d wakes", wakes.Load())
		}
	})
}

func TestOneSourceCannotWakeEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wakes atomic.Int64
		var seen sync.Map
		e := edge.New(edge.Config{Wake: func(id string) {
			if _, again := seen.LoadOrStore(id, true); !again {
				wakes.Add(1)
			}
		}})
		var routes []edge.Route
		hosts := make([]string, 400)
		for i := range hosts {
			hosts[i] = "h" + strings.Repeat("x", i) + ".localhost"
			routes = append(routes, edge.Route{Environment: hosts[i], Holding: true, Hosts: map[string]edge.Target{hosts[i]: {}}})
		}
		e.Load(routes)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		knock := func(host, from string) {
			all.Go(func() {
				r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://x/", nil)
				r.Host, r.RemoteAddr = host, from
				e.ServeHTTP(httptest.NewRecorder(), r)
			})
		}
		for _, h := range hosts[:399] {
			knock(h, "203.0.113.7:4711")
		}
		synctest.Wait()
		if n := wakes.Load(); n != 50 {
			t.Errorf("one source woke %d at once", n)
		}
		before := wakes.Load()
		knock(hosts[399], "[2001:db8:1:2::3]:4711")
		synctest.Wait()
		if wakes.Load() != before+1 {
			t.Error("another source waits for the first one's sins")
		}
		time.Sleep(10 * time.Second)
		if n := wakes.Load() - before; n < 40 || n > 60 {
			t.Errorf("%d more in 10 s", n)
		}
		cancel()
		all.Wait()
	})
}

func TestStopAnswersWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := edge.New(edge.Config{Wake: func(string) {}})
		e.Put(held())
		done := make(chan int)
		go func() { done <- ask(e, http.MethodGet, host).Code }()
		synctest.Wait()
		e.Stop()
		e.Stop()
		if code := <-done; code != 503 {
			t.Errorf("%d", code)
		}
	})
}

func TestACrawlerIsNobody(t *testing.T) {
	up := saying(t, "x")
	for _, x := range []struct {
		agent, purpose string
		counts         bool
	}{
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "", true},
		{"Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36", "", true},
		{"Mozilla/5.0 HeadlessChrome/131.0", "", true},
		{"curl/8.5.0", "", true},
		{"python-requests/2.32", "", true},
		{"", "", true},
		{"Mozilla/5.0 Chrome/131.0", "prefetch;prerender", false},
		{"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "", false},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "", false},
		{"Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", "", false},
		{"WhatsApp/2.23.20.0", "", false},
		{"facebookexternalhit/1.1", "", false},
		{"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "", false},
		{"kube-probe/1.31", "", false},
		{"ELB-HealthChecker/2.0", "", false},
		{"Blackbox Exporter/0.25.0", "", false},
		{"Amazon-Route53-Health-Check-Service (ref 1; report http://amzn.to/1)", "", false},
		{"Mozilla/4.0 (compatible; ms-office; MSOffice 16)", "", false},
		{"Microsoft Office Existence Discovery", "", false},
		{"github-camo (876de43e)", "", false},
		{"ia_archiver", "", false},
		{"Mozilla/5.0 (compatible; Google-InspectionTool/1.0;)", "", false},
		{"Mozilla/5.0 (Linux; Android 14) Chrome/131.0 Mobile Safari/537.36 Telegram-Android/11.1", "", true},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) [Pinterest/iOS]", "", true},
		{"Grafana k6/1.0.0", "", true},
		{"GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)", "", false},
	} {
		e := made(t, nil)
		e.Put(route(up))
		header := []string{"User-Agent", x.agent}
		if x.purpose != "" {
			header = append(header, "Sec-Purpose", x.purpose)
		}
		if code, _ := get(t, e, host, header...); code != 200 {
			t.Errorf("%s: %d", x.agent, code)
		}
		if counted := !e.Active("env_a").IsZero(); counted != x.counts {
			t.Errorf("%q %s is seen: %t", x.agent, x.purpose, counted)
		}
		if _, counted := e.Activity()["env_a"]; counted != x.counts {
			t.Errorf("%q %s counts: %t", x.agent, x.purpose, counted)
		}
		if len(e.Activity()) != 0 {
			t.Error("activity is told twice")
		}
	}
}

func TestTheEnvironmentsOwnTrafficIsNoActivity(t *testing.T) {
	e := edge.New(edge.Config{Wake: func(string) {}, Own: func(env, remote string) bool { return env == "env_a" && remote == "192.0.2.1:1234" }})
	t.Cleanup(e.Stop)
	e.Put(route(saying(t, "x")))
	get(t, e, host) // httptest's requests come from 192.0.2.1:1234
	if len(e.Activity()) != 0 {
		t.Error("it counts")
	}
}

// A pause holds what comes, waits for what is in flight but not for ever, and
// ends with the next Put.
func TestPause(t *testing.T) {
	hold, began := make(chan struct{}), make(chan struct{}, 2)
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-hold
	})
	e := edge.New(edge.Config{Wake: func(string) {}})
	t.Cleanup(e.Stop)
	e.Put(route(up))
	var all sync.WaitGroup
	all.Go(func() {
		if w := ask(e, http.MethodGet, host); w.Code != 200 {
			t.Errorf("in flight: %d", w.Code)
		}
	})
	<-began
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	e.Pause(short, "env_a")
	if !e.Holding("env_a") || short.Err() == nil {
		t.Errorf("holding %t, %v", e.Holding("env_a"), short.Err())
	}
	paused := make(chan struct{})
	go func() { e.Pause(t.Context(), "env_a"); close(paused) }()
	all.Go(func() {
		if w := ask(e, http.MethodGet, host); w.Code != 200 {
			t.Errorf("held: %d", w.Code)
		}
	})
	select {
	case <-paused:
		t.Error("it does not wait for what is in flight")
	case <-began:
		t.Error("what comes is let in")
	case <-time.After(20 * time.Millisecond):
	}
	close(hold)
	<-paused
	e.Put(route(up))
	<-began
	all.Wait()
	e.Pause(t.Context(), "env_a")
	if e.InFlight("env_a") != 0 || !e.Holding("env_a") {
		t.Errorf("%d in flight", e.InFlight("env_a"))
	}
}
