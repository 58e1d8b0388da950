package imagebuild

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"offshoot/internal/staging"
)

// TestWordsOfOtherEngines are what the engine of the tests cannot be made to say.
func TestWordsOfOtherEngines(t *testing.T) {
	for words, want := range map[string]struct {
		class staging.Class
		says  string
	}{
		"failed to copy file: write /var/lib/docker/x: no space left on device":                                         {staging.ClassPlatform, "disk is full"},
		"failed to solve: network.host is not allowed":                                                                  {staging.ClassPolicy, "neither the host's network"},
		"granting entitlement security.insecure is not allowed by build daemon configuration":                           {staging.ClassPolicy, "nor more rights"},
		"failed to solve: dockerfile parse error on line 1: unknown instruction: FRM":                                   {staging.ClassBuild, "unknown instruction: FRM"},
		"failed to solve: process \"/bin/sh -c npm ci\" did not complete: context deadline exceeded, no such host: 404": {staging.ClassBuild, "the build of web failed"},
	} {
		err := explain(status.Error(codes.Unknown, words), staging.ImageBuild{Name: "web"}, dockerfile{}, "", 0, &progress{})
		var e *staging.Error
		if !errors.As(err, &e) || e.Failure.Class != want.class || !strings.Contains(e.Message, want.says) || e.Hint == "" {
			t.Errorf("%q is told as %+v", words, err)
		}
	}
	err := explain(status.Error(codes.Unknown, "failed to solve: nope:1: failed to resolve source metadata for docker.io/library/nope:1: pull access denied, repository does not exist or may require authorization: insufficient_scope: authorization failed"),
		staging.ImageBuild{Name: "web"}, dockerfile{}, "", 0,
		&progress{steps: map[string]*step{"x": {name: "[internal] load metadata for docker.io/library/nope:1", failure: "pull access denied, authorization failed"}}})
	if !strings.Contains(err.Error(), "the image docker.io/library/nope:1 is private or does not exist") {
		t.Error(err)
	}
}

func TestNamesAreSafeAndTheirOwn(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"web", "Web", "WEB", "web_1", "web__1", "web--1", "-web-", "../x", "wéb", "日本", strings.Repeat("a", 200), strings.Repeat("a", 201), "a.b", "a..b", ""} {
		s := safe(name)
		if !pathName.MatchString(s) || len(s) > 64 {
			t.Errorf("%q becomes %q, which no reference may hold", name, s)
		}
		if other, ok := seen[s]; ok {
			t.Errorf("%q and %q are both %q", name, other, s)
		}
		seen[s] = name
	}
	key := strings.Repeat("0f", 16)
	ref := Image(artifactOf("shop", key), "web")
	if ref != "offshoot/shop/web:"+key || artifactOfImage(ref) != artifactOf("shop", key) {
		t.Errorf("%q is of %q", ref, artifactOfImage(ref))
	}
	for _, bad := range []string{"", "web", "offshoot/shop", "offshoot/shop:latest", "other/shop:" + key} {
		if ref := Image(bad, "web"); ref != "" {
			t.Errorf("%q leads to %q", bad, ref)
		}
	}
}

func TestOnlyOldReadersGetFurtherContextsAsStages(t *testing.T) {
	for version, want := range map[string]bool{"1.41": false, "1.42": true, "1.51": true, "2.0": true, "": false} {
		if knowsContexts(version) != want {
			t.Errorf("API %q: %v", version, !want)
		}
	}
	d := dockerfile{text: []byte("# a comment\nARG V=1\n  from x:${V} as y\nFROM y\n")}
	if err := d.begin(map[string]string{"b": "ref:2", "a": "ref:1"}); err != nil || string(d.text) != "# a comment\nARG V=1\nFROM ref:1 AS a\nFROM ref:2 AS b\n  from x:${V} as y\nFROM y\n" {
		t.Errorf("%v\n%s", err, d.text)
	}
	for _, text := range []string{"FROM x\nCOPY --from=0 /a /b\n", "FROM x\nRUN --mount=type=bind,from=0 true\n", "RUN x\n"} {
		d := dockerfile{text: []byte(text)}
		if d.begin(map[string]string{"a": "ref"}) == nil {
			t.Errorf("%q became %q", text, d.text)
		}
	}
	d = dockerfile{text: []byte("FROM x\n")}
	if d.begin(map[string]string{"alpine:3": "ref"}) == nil {
		t.Errorf("a name of no stage became one: %q", d.text)
	}
}

func TestLinesAreEndedCutAndWrittenOver(t *testing.T) {
	var said []string
	p := newProgress(func(text string, _ bool) { said = append(said, text) })
	s := p.step("x")
	p.output(s, []byte("one\ntw"))
	p.output(s, []byte("o\r\n10%\r50%\r100%\nlast"))
	p.output(s, []byte(strings.Repeat("y", 3*lineLimit)))
	p.flush(s)
	want := []string{"#1 one", "#1 two", "#1 100%"}
	for i, w := range want {
		if i >= len(said) || said[i] != w {
			t.Fatalf("said %.100q", said)
		}
	}
	total := 0
	for _, l := range said[3:] {
		if len(l) > lineLimit+3 {
			t.Errorf("a line of %d bytes", len(l))
		}
		total += strings.Count(l, "y")
	}
	if total != 3*lineLimit {
		t.Errorf("%d bytes of %d are left", total, 3*lineLimit)
	}
}
