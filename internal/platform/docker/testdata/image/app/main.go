// Command app is a web service for tests, alone in its image: no shell, no
// files. It tells what it was given and what it can reach; with words it does
// one thing and ends.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if len(os.Args) > 1 {
		once(ctx, os.Args[1], os.Args[2:])
		return
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path, r.Host)
		fmt.Fprintf(w, "%s asked as %s\n", os.Getenv("NAME"), r.Host)
	})
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, environ()) })
	http.HandleFunc("/dial", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, dial(r.FormValue("to"))) })
	server := &http.Server{Addr: ":" + port}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	fmt.Println("listens on", server.Addr)
	if err := server.ListenAndServe(); ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func once(ctx context.Context, what string, rest []string) {
	switch what {
	case "say":
		fmt.Println(strings.Join(rest, " "))
	case "env":
		fmt.Println(environ())
	case "dial":
		fmt.Println(dial(rest[0]))
	case "stay":
		<-ctx.Done()
	default:
		fmt.Fprintf(os.Stderr, "app does not know how to %q\n", what)
		os.Exit(3)
	}
}

func environ() string {
	list := os.Environ()
	slices.Sort(list)
	return strings.Join(list, "\n")
}

func dial(to string) string {
	conn, err := net.DialTimeout("tcp", to, 2*time.Second)
	if err != nil {
		return "no: " + err.Error()
	}
	_ = conn.Close()
	return "yes"
}
