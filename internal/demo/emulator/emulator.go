// Package emulator stands in for Redis in the demo, on a machine that has none
// and no way to get one: an emulation in memory, which keeps nothing.
//
// It is this program under the name of the server that it stands in for.
package emulator

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Name is the base of argv[0] under which the program emulates.
const Name = "redis-server"

// Folder is where it lies in a server's runtime folder.
const Folder = "redis-0.0.0-emulated"

// version is what it says of itself: older than any real server, so that a
// real one that comes later is preferred.
const version = "Redis emulation v=0.0.0 (miniredis, for the demo; nothing is kept)"

// Put makes the program an engine of a runtime folder.
func Put(runtime string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	bin := filepath.Join(runtime, Folder, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	path := filepath.Join(bin, Name)
	if err := os.WriteFile(path+".new", text, 0o755); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Main emulates and never returns, if the program was started under its name;
// else it does nothing.
func Main() {
	if len(os.Args) == 0 || filepath.Base(os.Args[0]) != Name {
		return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: %s CONFIG", Name)
	}
	if args[0] == "--version" {
		fmt.Println(version)
		return nil
	}
	address, password, err := read(args[0])
	if err != nil {
		return err
	}
	m := miniredis.NewMiniRedis()
	if password != "" {
		m.RequireAuth(password)
	}
	if err := m.StartAddr(address); err != nil {
		return err
	}
	defer m.Close()
	fmt.Println("emulating Redis at", address)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-tick.C:
			m.FastForward(time.Second) // its keys expire by this alone
		}
	}
}

// read takes what matters of a server's configuration.
func read(path string) (address, password string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = f.Close() }()
	var host, port string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		switch key {
		case "bind":
			host = value
		case "port":
			port = value
		case "requirepass":
			if password, err = strconv.Unquote(value); err != nil {
				return "", "", fmt.Errorf("%s: requirepass cannot be read", path)
			}
		}
	}
	return net.JoinHostPort(host, port), password, lines.Err()
}
