package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/rogpeppe/go-internal/testscript"

	"offshoot/internal/datastore"
)

// TestScriptsInAContainer runs the scripts of testdata/container, whose server
// is one of image/compose.yaml.
func TestScriptsInAContainer(t *testing.T) {
	needsEngine(t)
	p := scripts(t)
	p.Dir = "testdata/container"
	image := fmt.Sprintf("offshoot-e2e:%d", os.Getpid())
	program := program(t)
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--force", image).Run() })
	for _, tag := range []string{"", "-next"} { // the second as an upgrade is: another image
		cmd := exec.Command("docker", "build", "--network", "host", "--file", "../image/Dockerfile", "--build-arg", "BASE=debian-base:12", "--label", "version=1"+tag,
			"--tag", image+tag, contextOf(t, program))
		cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--force", image+"-next").Run() })
	p.Cmds["install"] = func(ts *testscript.TestScript, _ bool, args []string) { install(ts, image+args[0]) }
	testscript.Run(t, p)
}

// contextOf is a folder with the program alone.
func contextOf(t *testing.T, program string) string {
	dir := t.TempDir()
	if out, err := exec.Command("cp", program, filepath.Join(dir, "offshoot")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// install runs the service of image/compose.yaml with another image, in the place
// of the one that runs.
func install(ts *testscript.TestScript, image string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	data := ts.Getenv("OFFSHOOT_DATA_DIR")
	name := "offshoot-e2e-" + filepath.Base(filepath.Dir(data))
	docker := func(args ...string) {
		if out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput(); err != nil {
			ts.Fatalf("docker %q: %v\n%s", args, err, out)
		}
	}
	if ts.Getenv("CONTAINER") == "" {
		ts.Setenv("CONTAINER", name)
		ts.Setenv("OFFSHOOT_SERVER", "http://"+freeAddress(ts))
		ts.Setenv("EDGE", "http://"+freeAddress(ts))
		ts.Check(os.MkdirAll(data, 0o711))
		ts.Defer(func() { _ = exec.Command("docker", "rm", "--force", name).Run() })
	} else {
		docker("stop", name)
		docker("rm", name)
	}
	p, err := loader.LoadWithContext(ctx, types.ConfigDetails{WorkingDir: ".", ConfigFiles: []types.ConfigFile{{Filename: "../image/compose.yaml"}}, Environment: types.Mapping{
		"OFFSHOOT_IMAGE": image, "OFFSHOOT_DATA_DIR": data, "OFFSHOOT_DOCKER_SOCKET": strings.TrimPrefix(os.Getenv(engineVariable), "unix://"),
		"OFFSHOOT_LISTEN": strings.TrimPrefix(ts.Getenv("OFFSHOOT_SERVER"), "http://"), "OFFSHOOT_EDGE_LISTEN": strings.TrimPrefix(ts.Getenv("EDGE"), "http://")}},
		func(o *loader.Options) { o.SetProjectName("offshoot", true) })
	ts.Check(err)
	s := p.Services["offshoot"]
	args := []string{"run", "--detach", "--name", name, "--restart", s.Restart, "--network", s.NetworkMode, "--pid", s.Pid}
	for _, each := range s.CapAdd {
		args = append(args, "--cap-add", each)
	}
	for _, each := range s.SecurityOpt {
		args = append(args, "--security-opt", each)
	}
	for k, v := range s.Environment {
		args = append(args, "--env", k+"="+*v)
	}
	for _, v := range s.Volumes {
		args = append(args, "--volume", v.Source+":"+v.Target)
	}
	// A repository of this host has to be seen as well.
	repo := filepath.Join(ts.Getenv("WORK"), "repo")
	docker(append(args, "--volume", repo+":"+repo+":ro", s.Image)...)
	ts.Check(datastore.Poll(ctx, func(context.Context) error {
		var status struct{}
		return asked(ts, "/api/v1/environments", &status)
	}))
}

// freeAddress is one of this host on which nobody listens.
func freeAddress(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
